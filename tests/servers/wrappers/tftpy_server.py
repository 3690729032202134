"""Serve a folder with tftpy, which installs no command: ROOT ADDRESS PORT."""

import sys

import tftpy

root, address, port = sys.argv[1:]
tftpy.TftpServer(root).listen(address, int(port))
