"""The child process of the engine of OCR: `python -m modelport.engines.ocr`, until stdin closes."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from modelport.engines.listening import listen, settle_in
from modelport.engines.ocr_front import OcrFront
from modelport.engines.reading import Reader
from modelport.engines.starting import read_command_line


def main(arguments: Sequence[str] | None = None) -> None:
    """Load the weights, then serve until the pipe on stdin closes."""
    told = read_command_line("modelport.engines.ocr", arguments)
    settle_in((told.socket,), told.nice)
    model = Reader(told.weights, told.threads)
    with ThreadPoolExecutor(max_workers=1) as worker:
        listen(OcrFront(model, told.alias, worker), told.socket)


if __name__ == "__main__":
    main()
