"""Serve a folder with fbtftp, which is a library: ROOT ADDRESS PORT.

A name that leads out of the folder is not there: that is for the library's user to see to.
"""

import sys
from pathlib import Path

from fbtftp.base_handler import BaseHandler, ResponseData
from fbtftp.base_server import BaseServer

_RETRIES, _TIMEOUT = 3, 2


class Contents(ResponseData):
    def __init__(self, path):
        self._size = path.stat().st_size
        self._file = path.open("rb")

    def read(self, count):
        return self._file.read(count)

    def size(self):
        return self._size

    def close(self):
        self._file.close()


class Handler(BaseHandler):
    def __init__(self, root, *arguments):
        self._root = root
        super().__init__(*arguments)

    def get_response_data(self):
        path = (self._root / self._path.lstrip("/")).resolve()
        if not path.is_relative_to(self._root):
            raise FileNotFoundError(2, "No such file or directory")
        return Contents(path)


class Server(BaseServer):
    def __init__(self, root, address, port):
        self._root = root
        super().__init__(address, port, _RETRIES, _TIMEOUT, None, None)

    def get_handler(self, server, peer, path, options):
        return Handler(self._root, server, peer, path, options, lambda statistics: None)


Server(Path(sys.argv[1]).resolve(), sys.argv[2], int(sys.argv[3])).run()
