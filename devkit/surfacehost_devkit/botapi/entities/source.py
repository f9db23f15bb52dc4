"""Reading marked-up text sign by sign, with the two measures the server's errors and entities use."""


class Source:
    """A text with a reading place; signs past its end read as an empty string."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def peek(self, ahead: int = 0) -> str:
        """The sign `ahead` places from here."""
        return self.text[self.at + ahead : self.at + ahead + 1]

    def starts(self, mark: str) -> bool:
        """True if the text goes on with this."""
        return self.text.startswith(mark, self.at)

    @property
    def done(self) -> bool:
        """True at the end."""
        return self.at >= len(self.text)

    def take_while(self, allowed: str) -> str:
        """Read on as long as the signs are among these."""
        begin = self.at
        while not self.done and self.peek() in allowed:
            self.at += 1
        return self.text[begin : self.at]

    def take_until(self, stops: str) -> str:
        """Read on up to one of these signs or the end."""
        begin = self.at
        while not self.done and self.peek() not in stops:
            self.at += 1
        return self.text[begin : self.at]

    def byte_offset(self, at: int) -> int:
        """Where in the UTF-8 form of the text this place is."""
        return len(self.text[:at].encode("utf-8"))


class Sink:
    """The text that comes out, and how many UTF-16 units it has so far."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.units = 0

    def put(self, text: str) -> None:
        """Append."""
        self.parts.append(text)
        self.units += len(text) + sum(sign > "\uffff" for sign in text)

    @property
    def text(self) -> str:
        """Everything so far."""
        return "".join(self.parts)


def refused(reason: str) -> str:
    """The server's sentence about markup it cannot read."""
    return f"can't parse entities: {reason}"


SPACES = " \t\r\n\0\v"
