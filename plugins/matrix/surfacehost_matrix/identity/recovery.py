"""How people write a recovery key: specification, appendices, "Cryptographic key representation"."""

_PREFIX = b"\x8b\x01"
_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def write_recovery_key(key: bytes) -> str:
    """*key* as a person writes it down: base58, in groups of four."""
    whole = _PREFIX + key
    number = int.from_bytes(whole + bytes([_parity(whole)]))
    text = ""
    while number:
        number, digit = divmod(number, 58)
        text = _ALPHABET[digit] + text
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def read_recovery_key(text: str) -> bytes:
    """The 32 bytes that *text* stands for. Raises ValueError for what is no recovery key."""
    number = 0
    for letter in "".join(text.split()):
        if letter not in _ALPHABET:
            raise ValueError("this is no recovery key: it has letters that none has")
        number = number * 58 + _ALPHABET.index(letter)
    whole = number.to_bytes((number.bit_length() + 7) // 8)
    if len(whole) != 35 or not whole.startswith(_PREFIX) or _parity(whole):
        raise ValueError("this is no recovery key: a letter is wrong or missing")
    return whole[2:-1]


def _parity(data: bytes) -> int:
    parity = 0
    for byte in data:
        parity ^= byte
    return parity
