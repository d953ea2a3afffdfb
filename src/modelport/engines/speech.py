"""The child process of the engine of speech: `python -m modelport.engines.speech`, until stdin closes."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from modelport.engines.kokoro import Kokoro
from modelport.engines.listening import listen, settle_in
from modelport.engines.speech_front import SpeechFront
from modelport.engines.starting import read_command_line


def main(arguments: Sequence[str] | None = None) -> None:
    """Load the weights, then serve until the pipe on stdin closes."""
    told = read_command_line("modelport.engines.speech", arguments)
    settle_in((told.socket,), told.nice)
    model = Kokoro(told.weights, told.threads)
    with ThreadPoolExecutor(max_workers=1) as worker:
        listen(SpeechFront(model, worker), told.socket)


if __name__ == "__main__":
    main()
