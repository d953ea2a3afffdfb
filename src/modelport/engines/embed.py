"""The child process of the engine of embeddings: `python -m modelport.engines.embed`, until stdin closes."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from modelport.engines.embed_front import EmbedFront
from modelport.engines.listening import listen, settle_in
from modelport.engines.minilm import DIMENSIONS, WINDOW, MiniLm
from modelport.engines.starting import read_command_line


def main(arguments: Sequence[str] | None = None) -> None:
    """Load the weights, then serve until the pipe on stdin closes."""
    told = read_command_line("modelport.engines.embed", arguments)
    settle_in((told.socket,), told.nice)
    model = MiniLm(told.weights, told.threads)
    with ThreadPoolExecutor(max_workers=1) as worker:
        listen(EmbedFront(model, told.alias, WINDOW, DIMENSIONS, worker), told.socket)


if __name__ == "__main__":
    main()
