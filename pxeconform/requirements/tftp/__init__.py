"""Rules for TFTP servers, a module for each part of the RFCs."""
