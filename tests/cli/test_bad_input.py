"""Bad input: one clear sentence, the contract's exit code, never a traceback."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Pxeconform

UNUSED = "127.0.0.77"


def fails_with(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr + done.stdout
    lines = [line for line in done.stderr.splitlines() if line.startswith("pxeconform: ")]
    assert len(lines) == 1, done.stderr
    for word in words:
        assert word in lines[0]


class TestAnalyze:
    def test_no_such_file(self, pxeconform: Pxeconform) -> None:
        fails_with(pxeconform("analyze", "nowhere.pcap"), 2, "nowhere.pcap", "No such file")

    def test_a_folder(self, pxeconform: Pxeconform, tmp_path: Path) -> None:
        fails_with(pxeconform("analyze", tmp_path), 2, "directory")

    def test_empty_file(self, pxeconform: Pxeconform, tmp_path: Path) -> None:
        (tmp_path / "empty.pcap").touch()
        fails_with(pxeconform("analyze", "empty.pcap"), 2, "empty")

    @pytest.mark.parametrize("content", [b"no capture at all", b"\xd4", b"\xd4\xc3\xb2\xa1\x02", b"PK\x03\x04" * 100])
    def test_no_capture(self, pxeconform: Pxeconform, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "file").write_bytes(content)
        fails_with(pxeconform("analyze", "file"), 2, "file")

    def test_standard_input_that_is_no_capture(self, pxeconform: Pxeconform) -> None:
        fails_with(pxeconform("analyze", "-", stdin=b"GET / HTTP/1.0\r\n\r\n"), 2, "capture")

    def test_file_name_with_escape_sequence(self, pxeconform: Pxeconform) -> None:
        done = pxeconform("analyze", "\x1b[31mred.pcap")
        assert done.returncode == 2
        assert "\x1b" not in done.stderr

    def test_unwritable_json(self, pxeconform: Pxeconform, tmp_path: Path) -> None:
        sample = Path(__file__).parents[2] / "captures" / "bios-file-not-found.pcap"
        fails_with(pxeconform("analyze", "--no-report", "--json", "no/such/folder.json", sample), 2, "folder.json")


class TestRun:
    @pytest.mark.parametrize(
        ("target", "word"),
        [
            ("224.0.1.2", "multicast"),
            ("255.255.255.255", "broadcast"),
            ("127.255.255.255", "broadcast"),
            ("0.0.0.0", "no host"),
            ("::1", "IPv6"),
            ("256.1.2.3", "neither"),
            ("no-such-host.invalid", "neither"),
        ],
    )
    def test_target(self, pxeconform: Pxeconform, target: str, word: str) -> None:
        fails_with(pxeconform("run", "--target", target), 2, word)

    @pytest.mark.parametrize("options", [("--suite", "nope"), ("--profile", "nope"), ("--ics", "nope.toml")])
    def test_unknown_names(self, pxeconform: Pxeconform, options: tuple[str, str]) -> None:
        fails_with(pxeconform("run", "--target", UNUSED, *options), 2, "nope")

    def test_nothing_selected(self, pxeconform: Pxeconform) -> None:
        done = pxeconform("run", "--target", UNUSED, "-k", "no-such-scenario")
        assert done.returncode == 5
        assert "Nothing is selected" in done.stdout

    def test_role_without_rules(self, pxeconform: Pxeconform) -> None:
        assert pxeconform("run", "--target", UNUSED, "--profile", "mtftp").returncode == 5

    @pytest.mark.parametrize(
        "text",
        ["[target", "[nonsense]\na = 1", "[tftp]\nfile = 3", '[target]\nroles = ["cook"]', "[tftp]\nfiles = 3"],
    )
    def test_ics(self, pxeconform: Pxeconform, tmp_path: Path, text: str) -> None:
        (tmp_path / "bad.toml").write_text(text)
        fails_with(pxeconform("run", "--target", UNUSED, "--ics", "bad.toml"), 2, "bad.toml")

    def test_no_server(self, pxeconform: Pxeconform) -> None:
        done = pxeconform("run", "--target", UNUSED, "--patience", "0.5", "--file", "x")
        assert done.returncode == 3, done
        assert "closed" in done.stdout

    def test_port_4011_closed(self, pxeconform: Pxeconform, at_server: tuple[str, ...]) -> None:
        done = pxeconform("run", *at_server, "--pxe-port", "9", "--profile", "bootserver")
        assert done.returncode == 3, done
        assert "port 9 is closed" in done.stdout.replace("\n", " ")

    def test_unwritable_folder(self, pxeconform: Pxeconform, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        fails_with(pxeconform("run", "--target", UNUSED, "--out", "file/run"), 2, "cannot be written")

    def test_folder_that_holds_a_run(self, pxeconform: Pxeconform, tmp_path: Path) -> None:
        (tmp_path / "evidence.pcapng").touch()
        fails_with(pxeconform("run", "--target", UNUSED, "--out", tmp_path), 2, "already holds a run")


class TestOthers:
    @pytest.mark.parametrize("identifier", ["TFTP-1350-TID-99", "tftp/no-such-scenario", "\x1b[2J"])
    def test_explain_unknown(self, pxeconform: Pxeconform, identifier: str) -> None:
        done = pxeconform("explain", identifier)
        fails_with(done, 2, "no requirement or scenario")
        assert "\x1b" not in done.stderr

    def test_judge_what_is_no_run(self, pxeconform: Pxeconform, tmp_path: Path) -> None:
        fails_with(pxeconform("judge", tmp_path), 2, "holds no run")

    def test_serve_on_a_port_that_is_taken(self, pxeconform: Pxeconform) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            fails_with(pxeconform("serve", "--tftp-port", str(port)), 3, "cannot start", str(port))

    def test_serve_on_a_privileged_port(self, pxeconform: Pxeconform) -> None:
        if os.geteuid() == 0:
            # Root may bind it, so the test gives the privilege away first.
            done = subprocess.run(
                ["setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service", *_command("69")],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        else:
            done = subprocess.run(_command("69"), capture_output=True, text=True, timeout=60, check=False)
        fails_with(done, 3, "cannot start", "69")

    @pytest.mark.parametrize("config", ["[tftp", "colour = 'red'", "mode = 'sideways'"])
    def test_serve_configuration(self, pxeconform: Pxeconform, tmp_path: Path, config: str) -> None:
        (tmp_path / "serve.toml").write_text(config)
        fails_with(pxeconform("serve", "--config", "serve.toml"), 2, "serve.toml")


def _command(port: str) -> list[str]:
    import sys

    return [sys.executable, "-m", "pxeconform", "serve", "--tftp-port", port]
