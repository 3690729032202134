"""Playing a client against a target: endpoints, evidence, scenarios. Holds no verdicts."""
