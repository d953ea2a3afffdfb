"""The child process of the engine of moderation: `python -m modelport.engines.moderation`, until stdin closes."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from modelport.engines.judging import Judge, parse_learned
from modelport.engines.listening import listen, settle_in
from modelport.engines.moderation_front import ModerationFront
from modelport.engines.starting import read_command_line


def main(arguments: Sequence[str] | None = None) -> None:
    """Load the model, then serve until the pipe on stdin closes."""
    told = read_command_line("modelport.engines.moderation", arguments)
    settle_in((told.socket,), told.nice)
    model = Judge(parse_learned(told.weights.read_bytes()))
    with ThreadPoolExecutor(max_workers=1) as worker:
        listen(ModerationFront(model, told.alias, worker), told.socket)


if __name__ == "__main__":
    main()
