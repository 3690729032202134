"""The commands. Nothing heavy is imported before the command that needs it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from pxeconform.cli import options
from pxeconform.cli.errors import sentences
from pxeconform.cli.options import EngineName, LevelName

app = typer.Typer(
    help="Certify network boot servers, and find out from a capture why a boot failed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from pxeconform import __version__

        typer.echo(f"pxeconform {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Certify network boot servers, and find out from a capture why a boot failed."""


@app.command()
@sentences
def run(
    target: options.Target,
    suite: options.Suite = None,
    matching: options.Matching = None,
    level: options.Level = LevelName.MAY,
    profile: options.Profile = None,
    file: options.File = None,
    ics: options.Ics = None,
    tftp_port: options.TftpPort = 69,
    pxe_port: options.PxePort = 4011,
    dhcp_port: options.DhcpPort = 67,
    patience: options.Patience = 60.0,
    jobs: options.Jobs = 32,
    seed: options.Seed = None,
    confirm: options.Confirm = 1,
    try_writing: options.TryWriting = False,
    waive: options.Waive = None,
    disruptive: options.Disruptive = False,
    suites: options.Suites = None,
    out: options.Out = None,
    json_to: options.Json = None,
    junit: options.JUnit = None,
    list_only: options.ListOnly = False,
    dry_run: options.DryRun = False,
) -> int:
    """Play the scenarios against a server, judge, report."""
    from pxeconform.cli.running import Wishes, run_command

    return run_command(
        Wishes(
            target=target,
            suites=tuple(suite or ()),
            matching=matching,
            level=level.value,
            profile=profile,
            files=tuple(file or ()),
            ics=ics,
            tftp_port=tftp_port,
            pxe_port=pxe_port,
            dhcp_port=dhcp_port,
            patience=patience,
            jobs=jobs,
            seed=seed,
            confirm=confirm,
            try_writing=try_writing,
            waive=waive,
            disruptive=disruptive,
            suites_folder=suites,
            out=out,
            json_to=json_to,
            junit=junit,
            list_only=list_only,
            dry_run=dry_run,
        )
    )


@app.command()
@sentences
def probe(
    target: options.Target,
    file: options.File = None,
    ics: options.Ics = None,
    tftp_port: options.TftpPort = 69,
    pxe_port: options.PxePort = 4011,
    patience: options.Patience = 60.0,
    seed: options.Seed = None,
    out: options.Out = None,
    json_to: options.Json = None,
) -> int:
    """Which services answer, which TFTP options are taken, and which boot file each architecture gets."""
    from pxeconform.cli.probing import probe_command
    from pxeconform.cli.running import Wishes

    return probe_command(
        Wishes(
            target=target,
            files=tuple(file or ()),
            ics=ics,
            tftp_port=tftp_port,
            pxe_port=pxe_port,
            patience=patience,
            seed=seed,
            out=out,
            json_to=json_to,
        )
    )


@app.command()
@sentences
def analyze(
    captures: options.Captures,
    client: options.Client = None,
    hash_contents: options.Hash = False,
    engine: options.Engine = EngineName.NATIVE,
    lens: options.Lens = None,
    extract: options.Extract = None,
    strict: options.Strict = False,
    no_report: options.NoReport = False,
    jobs: options.Processes = None,
    out: options.Out = None,
    json_to: options.Json = None,
) -> int:
    """Reconstruct boots and transfers from captures, say why they failed, report."""
    from pxeconform.cli.analyzing import analyze_command

    return analyze_command(
        captures,
        client=client,
        hash_contents=hash_contents,
        engine="tshark" if engine is EngineName.TSHARK else "native",
        lens=None if lens is None else lens.value,
        extract=extract,
        strict=strict,
        report=out is not None or not no_report,
        jobs=jobs,
        out=out,
        json_to=json_to,
    )


@app.command()
@sentences
def why(capture: options.Capture, client: options.Client = None, frame: options.FrameOption = None) -> int:
    """One client's story: how far it came, whose turn it was, what its screen said, what to do. Or one packet's."""
    from pxeconform.cli.telling import why_command

    return why_command(capture, client=client, frame=frame)


@app.command()
@sentences
def dissect(capture: options.Capture, frame: options.Frame) -> int:
    """One frame of a capture decoded by name, and tshark's full dissection of it below."""
    from pxeconform.cli.dissecting import dissect_command

    return dissect_command(capture, frame)


@app.command()
@sentences
def judge(folder: options.RunFolder, json_to: options.Json = None, junit: options.JUnit = None) -> int:
    """Derive the verdicts of a run again from its evidence alone."""
    from pxeconform.cli.running import judge_command

    return judge_command(folder, json_to, junit)


@app.command("list")
@sentences
def list_(
    profile: options.Profile = None,
    level: options.Level = LevelName.MAY,
    scenarios: options.Scenarios = False,
) -> int:
    """List requirements, or scenarios."""
    from pxeconform.cli.explaining import list_command

    return list_command(profile, level.value, scenarios)


@app.command()
@sentences
def explain(identifier: options.Identifier) -> int:
    """One requirement in full: what the text says, how it is provoked, what counts as pass, which clients care."""
    from pxeconform.cli.explaining import explain_command

    return explain_command(identifier)


@app.command()
@sentences
def serve(
    config: options.Config = None,
    root: options.Root = None,
    address: options.Address = None,
    tftp_port: options.ServedTftpPort = None,
    pxe_port: options.ServedPxePort = None,
    dhcp_port: options.ServedDhcpPort = None,
) -> int:
    """The embedded reference server: DHCP, proxyDHCP, boot server, TFTP, credentials."""
    from pxeconform.cli.serving import serve_command

    return serve_command(config, root, address, tftp_port, pxe_port, dhcp_port)


@app.command()
@sentences
def demo(out: options.Out = None) -> int:
    """Certify the embedded server, analyze a sample capture, and say where the reports are."""
    from pxeconform.cli.demonstrating import demo_command

    return demo_command(out)


@app.command()
@sentences
def doctor() -> int:
    """What this machine can do, and what each lack costs."""
    from pxeconform.cli.examining import doctor_command

    return doctor_command()
