"""The embedded reference server: DHCP or proxyDHCP, boot server on 4011, TFTP.

Each protocol is a core without input or output (`TftpServer`, `DhcpServer`, `BootServer`): a datagram and the time go
in, datagrams come out. `service.PxeServer` is the shell with the sockets.
"""
