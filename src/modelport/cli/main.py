"""The command and what all its parts share: settings from `--data-dir` and `--config`, and how problems are told."""

import errno
import gc
import importlib
from pathlib import Path
from typing import Any, cast

import click

from modelport import __version__, settings
from modelport.core.errors import Problem

_COMMANDS = {
    "serve": "serve",
    "accounts": "accounts",
    "keys": "keys",
    "credits": "credits",
    "bill": "bill",
    "export": "export",
    "jobs": "jobs",
    "webhooks": "webhooks",
    "models": "models",
    "catalogue": "catalogue",
    "providers": "providers",
    "explain": "explain",
    "doctor": "doctor",
    "migrate": "migrate",
}
"""Each command with the module that has it, in the order of `--help`."""


_INSTEAD_OF_ROUTES = {
    "GET /v1/models": "modelport catalogue list",
    "GET /v1/keys": "modelport keys list --account NAME",
}


class Commands(click.Group):
    """A group whose commands all take `--data-dir` and `--config`, and which tells problems in one line.

    A command's module is loaded when it is asked for, so that `serve` starts without the others.
    """

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Problem as problem:
            raise click.ClickException(_in_commands(problem.message)) from problem
        except OSError as error:
            if error.errno == errno.EPIPE or error.strerror is None:
                raise
            where = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(f"{where}{error.strerror}: check the file system and its rights") from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = self.commands.get(cmd_name)
        if command is None and cmd_name in _COMMANDS:
            gc.disable()  # Loading makes nothing but what stays: there is nothing to collect.
            module = importlib.import_module(f"modelport.cli.{_COMMANDS[cmd_name]}")
            gc.enable()
            command = cast(click.Command, getattr(module, _COMMANDS[cmd_name]))
            _share_options(command)
            self.add_command(command, cmd_name)
        return command


def _in_commands(message: str) -> str:
    """Name the command where a message, written for callers, names a route."""
    for route, command in _INSTEAD_OF_ROUTES.items():
        message = message.replace(route, f"`{command}`")
    return message


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
