"""Serve a folder with ptftpd: ROOT ADDRESS PORT.

Its command asks the module netifaces for an interface's address. Here the address is known: the module is not needed.
"""

import sys
import types

root, address, port = sys.argv[1:]
interfaces = types.ModuleType("netifaces")
interfaces.AF_INET = 2
interfaces.interfaces = lambda: ["here"]
interfaces.ifaddresses = lambda _: {2: [{"addr": address, "netmask": "255.255.255.0"}]}
sys.modules["netifaces"] = interfaces

from ptftplib.tftpserver import TFTPServer  # noqa: E402

TFTPServer("here", root, int(port)).serve_forever()
