"""What users get to see: terminal, tables, charts, HTML, JUnit, JSON. Everything here takes the contract's dicts.

Strings that came out of packets go through :mod:`pxeconform.report.safe` before they are shown anywhere.
"""
