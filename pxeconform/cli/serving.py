"""`serve`."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

from pxeconform.cli.output import consoles


def serve_command(
    config_path: Path | None,
    root: Path | None,
    address: str | None,
    tftp_port: int | None,
    pxe_port: int | None,
    dhcp_port: int | None,
) -> int:
    """Serve until interrupted."""
    from pxeconform.report.safe import for_terminal
    from pxeconform.runner.engine import PreconditionError
    from pxeconform.server.config import load_config
    from pxeconform.server.demo import demo_config
    from pxeconform.server.service import serve

    console = consoles(None)
    config = load_config(config_path) if config_path is not None else demo_config()
    config = replace(
        config,
        root=config.root if root is None else root,
        address=config.address if address is None else address,
        tftp_port=config.tftp_port if tftp_port is None else tftp_port,
        pxe_port=config.pxe_port if pxe_port is None else pxe_port,
        dhcp_port=config.dhcp_port if dhcp_port is None else dhcp_port,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        serve(config, lambda text: console.print(for_terminal(text), markup=False, highlight=False, soft_wrap=True))
    except OSError as error:
        raise PreconditionError(f"the server cannot start: {error.strerror or error}") from error
    return 0
