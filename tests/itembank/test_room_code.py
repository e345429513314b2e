"""Room codes: read out, typed, mistyped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itembank.room_code import ALPHABET, RoomCodeWrong, room_code, secret_of_code

SECRETS = st.binary(min_size=16, max_size=16) | st.binary(min_size=32, max_size=32)
CODE = room_code(bytes(range(16)))


def _fault(text: str) -> RoomCodeWrong:
    with pytest.raises(RoomCodeWrong) as caught:
        secret_of_code(text)
    return caught.value


@given(SECRETS)
def test_a_code_leads_back_to_its_secret(secret: bytes) -> None:
    code = room_code(secret)
    assert secret_of_code(code) == secret
    assert {len(group) for group in code.split("-")} == {4}
    assert len(code.replace("-", "")) == 28 * len(secret) // 16
    assert set(code) <= {*ALPHABET, "-"}


@pytest.mark.dear
@given(SECRETS, st.randoms(use_true_random=False))
def test_what_people_do_to_a_code_does_not_matter(secret: bytes, rng) -> None:
    swaps = {"0": "0Oo0", "1": "1IiLl１", "-": "- –　 "}
    typed = "".join(rng.choice(swaps.get(sign, sign + sign.lower())) for sign in room_code(secret))
    assert secret_of_code(f"  {typed}\n") == secret


@pytest.mark.dear
@given(SECRETS, st.data())
def test_one_wrong_sign_is_noticed_and_its_group_named(secret: bytes, data: st.DataObject) -> None:
    signs = list(room_code(secret).replace("-", ""))
    place = data.draw(st.integers(0, len(signs) - 1))
    signs[place] = data.draw(st.sampled_from([sign for sign in ALPHABET if sign != signs[place]]))
    fault = _fault("".join(signs))
    assert (fault.code, fault.params["group"]) == ("room_code_group", place // 4 + 1)


@pytest.mark.dear
@given(st.binary(min_size=16, max_size=16), st.data())
def test_two_wrong_or_exchanged_signs_are_noticed(secret: bytes, data: st.DataObject) -> None:
    signs = list(room_code(secret).replace("-", ""))
    a, b = data.draw(st.lists(st.integers(0, 27), min_size=2, max_size=2, unique=True))
    if data.draw(st.booleans()) and signs[a] != signs[b]:
        signs[a], signs[b] = signs[b], signs[a]
    else:
        for place in (a, b):
            signs[place] = data.draw(st.sampled_from([sign for sign in ALPHABET if sign != signs[place]]))
    assert _fault("".join(signs)).code in ("room_code_wrong", "room_code_group")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "room_code_length"),
        (CODE[:-1], "room_code_length"),
        (CODE + "0", "room_code_length"),
        (CODE.replace(CODE[3], "U"), "room_code_sign"),
        (CODE + "!", "room_code_sign"),
        ("零" * 28, "room_code_sign"),
    ],
)
def test_what_cannot_be_a_code_says_why(text: str, code: str) -> None:
    assert _fault(text).code == code


@pytest.mark.parametrize("size", [0, 15, 17, 31, 64])
def test_only_release_secrets_become_codes(size: int) -> None:
    with pytest.raises(ValueError):
        room_code(bytes(size))
