"""The child process of the engine of transcription: `python -m modelport.engines.transcription`, until stdin closes."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from modelport.engines.listening import listen, settle_in
from modelport.engines.starting import read_command_line
from modelport.engines.transcription_front import TranscriptionFront
from modelport.engines.whisper import Whisper


def main(arguments: Sequence[str] | None = None) -> None:
    """Load the weights, then serve until the pipe on stdin closes."""
    told = read_command_line("modelport.engines.transcription", arguments)
    settle_in((told.socket,), told.nice)
    model = Whisper(told.weights, told.threads)
    with ThreadPoolExecutor(max_workers=1) as worker:
        listen(TranscriptionFront(model, told.alias, worker), told.socket)


if __name__ == "__main__":
    main()
