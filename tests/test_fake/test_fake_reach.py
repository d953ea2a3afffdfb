"""The fake is a vendor somewhere else: it cannot fetch what only this machine or its network can."""

import pytest

from tests.fake.reach import is_out_of_reach


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8080/a", "http://localhost/a", "https://10.0.0.1/", "http://[::1]/", "http://gateway:8080/"],
)
def test_an_address_of_this_machine_or_its_network_is_out_of_reach(url: str) -> None:
    assert is_out_of_reach(url)


@pytest.mark.parametrize("url", ["https://pictures.example/gull.jpg", "https://8.8.8.8/", "data:image/png;base64,AA=="])
def test_a_public_address_and_what_is_sent_along_are_not(url: str) -> None:
    assert not is_out_of_reach(url)
