"""What is sealed is read by whoever has a key and knows what it is for, and by nobody else."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, TypeAdapter, ValidationError

from supportbot.config.fields import EncryptionKey
from supportbot.vault import CannotOpen, Vault

OLD, NEW = (SecretStr(Fernet.generate_key().decode()) for _ in range(2))


@given(st.binary(max_size=2000))
def test_bytes_come_back_as_they_were(data: bytes) -> None:
    """Whatever they hold, also what separates the purpose from them."""
    sealed = Vault([NEW]).seal_bytes("one", data)
    assert data == Vault([NEW]).open_bytes("one", sealed)
    assert not (len(data) > 3 and data in sealed)


def test_what_is_for_one_purpose_is_for_no_other() -> None:
    """Nothing can be put in another's place; and nothing is opened that we did not seal."""
    vault = Vault([NEW])
    for sealed in (vault.seal_bytes("one", b"x"), vault.seal_bytes("tw", b"o\nx"), b"gAAAAA", b""):
        with pytest.raises(CannotOpen):
            vault.open_bytes("two", sealed)


def test_any_key_opens_and_the_newest_seals() -> None:
    """So keys can be changed while what they sealed is there."""
    before = Vault([OLD]).seal_bytes("one", b"x")
    both = Vault([NEW, OLD])
    assert (b"x", False) == (both.open_bytes("one", before), both.is_current(before))
    after = both.seal_bytes("one", b"x")
    assert (b"x", True) == (Vault([NEW]).open_bytes("one", after), both.is_current(after))


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("0123456789abcdef0123456789abcdef", "is not a key of 32 bytes"),
        ("A" * 43 + "=", "is not random: make one with: openssl rand"),
    ],
)
def test_what_is_no_key_is_refused(key: str, said: str) -> None:
    """With what to do, and without the value."""
    with pytest.raises(ValidationError) as error:
        TypeAdapter(EncryptionKey).validate_python(key)
    [found] = error.value.errors(include_input=False, include_url=False)
    assert said in found["msg"]
    assert key not in found["msg"]
