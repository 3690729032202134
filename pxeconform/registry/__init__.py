"""Facts of the field as enums and tables: numbers, names, texts and timers, each with its source.

Nothing is decided here and nothing is imported from the other rooms, so every module is cheap to import.
A ``source`` string is one or more references joined by ``"; "``; each begins with the key of a document in
:mod:`pxeconform.registry.sources`, followed by the place in it (``"PXE-2.1 Table 2-1; RFC4578 §2.4"``).

Modules:
    ``ports``          UDP ports
    ``architectures``  client system architectures, PE and ELF machine codes
    ``dhcp_options``   DHCP options, message types, header constants, iPXE's encapsulated options
    ``pxe_tags``       PXE tags inside option 43, discovery control, boot server types, certificate ids
    ``tftp_codes``     opcodes, error codes, negotiated options and their ranges
    ``screen_codes``   what firmware prints when a boot fails, and the causes of a failed boot
    ``timers``         retransmission schedules, specified and observed
    ``sources``        the documents
"""
