"""An extension that writes down what it hears, to see who never reaches one."""

from pathlib import Path

from tests.host.test_isolation import install

CODE = """
    from surfacehost import CONTRACT, hookimpl
    class Trouble:
        contract = CONTRACT
        @hookimpl
        def on_message(self, message):
            with open({heard!r}, "a") as file: file.write(message.text + "\\n")
    """


class Witness:
    """Installed into *folder*: it is on in a host that is started with ``environ``."""

    def __init__(self, folder: Path) -> None:
        self._heard = folder / "heard"
        self._heard.touch()
        code = CODE.format(heard=str(self._heard))
        self.environ = install(folder / "trouble", group="surfacehost.extensions", code=code)

    @property
    def heard(self) -> list[str]:
        """The lines of what it has heard."""
        return self._heard.read_text().splitlines()
