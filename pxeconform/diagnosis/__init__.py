"""Why a boot failed: causes that read like their symptom on the wire, whose turn it was, and what to do."""
