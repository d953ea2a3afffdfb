"""The command and what all its parts share: settings from `--data-dir` and `--config`, and how problems are told."""

import sys
from pathlib import Path
from typing import Any

import click

from modelport import __version__, settings
from modelport.core.errors import Problem


class Commands(click.Group):
    """A group whose commands all take `--data-dir` and `--config`, and which tells problems in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Problem as problem:
            raise click.ClickException(problem.message) from problem

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        _share_options(cmd)
        super().add_command(cmd, name)


def _share_options(command: click.Command) -> None:
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _share_options(inner)
        return
    command.params.append(_folder_option())
    command.params.append(_config_option())


def _choose(ctx: click.Context, name: str, value: Path | None) -> None:
    """Take in an option of any command level; settings are read once the last of them is known."""
    if value is not None:
        ctx.meta[f"modelport.{name}"] = value
    ctx.obj = settings.load(
        file=ctx.meta.get("modelport.config"), given={"data_dir": ctx.meta.get("modelport.data_dir")}
    )


def _chosen(ctx: click.Context, parameter: click.Parameter, value: Path | None) -> None:
    assert parameter.name is not None, "options have names"
    try:
        _choose(ctx, parameter.name, value)
    except Problem as problem:
        raise click.UsageError(problem.message) from problem


def _folder_option() -> click.Option:
    return click.Option(
        ["--data-dir"],
        type=click.Path(path_type=Path, file_okay=False),
        callback=_chosen,
        expose_value=False,
        help="Folder of the database, weights and catalogue overlay.  [default: ./data, or MODELPORT_DATA_DIR]",
    )


def _config_option() -> click.Option:
    return click.Option(
        ["--config"],
        type=click.Path(path_type=Path, dir_okay=False),
        callback=_chosen,
        expose_value=False,
        help="Settings file.  [default: DATA_DIR/modelport.toml, or MODELPORT_CONFIG]",
    )


@click.group(
    cls=Commands,
    params=[_folder_option(), _config_option()],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="modelport")
def main() -> None:
    """One key, every model, on your own machine.

    `modelport serve` starts the gateway; the other commands work beside a running one.
    """


def _register() -> None:
    from modelport.cli.accounts import accounts
    from modelport.cli.catalogue import catalogue
    from modelport.cli.credits import credits_
    from modelport.cli.doctor import doctor
    from modelport.cli.explain import explain
    from modelport.cli.keys import keys
    from modelport.cli.models import models
    from modelport.cli.serve import serve

    for command in (serve, accounts, keys, credits_, models, catalogue, explain, doctor):
        main.add_command(command)


_register()

if __name__ == "__main__":
    sys.exit(main())
