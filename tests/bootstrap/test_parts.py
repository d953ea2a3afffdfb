"""What is read of the environment for a provider."""

import pytest

from modelport.bootstrap.parts import secret_of
from modelport.catalogue.load import load


@pytest.mark.parametrize("missing", ["KLING_ACCESS_KEY", "KLING_SECRET_KEY"])
def test_half_of_a_pair_is_no_credential(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kling = load().provider("kling")
    assert kling is not None
    for name in kling.variables:
        monkeypatch.setenv(name, "sk-fake")
    whole = secret_of(kling)
    assert whole is not None
    assert whole.reveal() == "sk-fake:sk-fake"
    monkeypatch.delenv(missing)
    assert secret_of(kling) is None
