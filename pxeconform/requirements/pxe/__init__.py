"""Rules for PXE services: boot server discovery, credentials."""
