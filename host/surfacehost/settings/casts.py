"""dynaconf, and the only place that knows it: types for text from the environment, ``@format`` and ``@read_file``.

It is given one value at a time. Left to itself it reads values that only look special (``1e5`` becomes a number, the
bare word ``@note`` nothing at all), and one file that ``@read_file`` can't find breaks the whole table around it.
"""

import copy
import datetime
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from dynaconf import Dynaconf, DynaconfFormatError, DynaconfParseError  # type: ignore[import-untyped]  # no py.typed
from dynaconf.utils.parse_conf import (  # type: ignore[import-untyped]  # no py.typed
    Lazy,
    boolean_fix,
    parse_conf_data,
)

_TEMPLATE = re.compile(r"(?:@(?:str|int|float|bool|json|strip) )?@(?:format|read_file) ")
_CONVERTER = re.compile(r"@\w+(?: |$)")
_TYPES = ("@int", "@float", "@bool", "@json")  # dynaconf has more, some of which merge: only the layers do that
_PLAIN = (str, int, float, bool, datetime.date, datetime.time)


class CastError(ValueError):
    """The value can't be cast; the message never repeats what was cast."""


class Casts:
    """Casts single values; templates may refer to the settings of *tree* as ``{this.<table>.<key>}``."""

    def __init__(self, tree: Mapping[str, Any]) -> None:
        self._tree = tree

    def typed(self, text: str) -> Any:  # noqa: ANN401 - any TOML value
        """*text* from the environment as the TOML value that it spells."""
        if (converter := _CONVERTER.match(text)) and converter[0].strip() not in _TYPES:
            raise CastError(f"{converter[0].strip()} is not known here; what is: {', '.join(_TYPES)}")
        return self._cast(boolean_fix(text), tomlfy=True)

    def template(self, text: str) -> Any:  # noqa: ANN401 - any TOML value
        """What the template *text* stands for; any other text itself."""
        return self._cast(text, tomlfy=False) if _TEMPLATE.match(text) else text

    def _cast(self, text: str, *, tomlfy: bool) -> Any:  # noqa: ANN401 - any TOML value
        try:
            value = parse_conf_data(text, tomlfy=tomlfy, box_settings=self._this)
            return _plain(value(self._this) if isinstance(value, Lazy) else value)
        except (DynaconfFormatError, FileNotFoundError) as error:  # these name a key or a path, never a value
            said = "the template refers to itself" if "Circular" in str(error) else str(error)
            raise CastError(said.removeprefix("Dynaconf ")) from error
        except DynaconfParseError as error:
            raise CastError(f"{text.split(maxsplit=1)[0]} can't read the value") from error
        except (LookupError, ValueError, TypeError, AttributeError) as error:
            raise CastError("the template can't be read") from error

    @cached_property
    def _this(self) -> Any:  # noqa: ANN401 - an untyped library's object
        # Nothing is loaded: every source that dynaconf would look for by itself is switched off.
        this = Dynaconf(
            settings_files=[], includes=[], secrets=None, loaders=[], core_loaders=[], load_dotenv=False,
            envvar_prefix=False, environments=False,
        )  # fmt: skip
        this.update(_referable(copy.deepcopy(dict(self._tree))))
        return this


def _referable(value: Any) -> Any:  # noqa: ANN401 - any TOML value
    """*value* without the texts that dynaconf would take for converters on the way in: a password ``@int x``."""
    if isinstance(value, dict):
        return {key: _referable(inner) for key, inner in value.items() if not _looks_special(inner)}
    if isinstance(value, list):
        return [_referable(inner) for inner in value if not _looks_special(inner)]
    return str(value) if isinstance(value, str) else value


def _looks_special(value: object) -> bool:
    return isinstance(value, str) and bool(_CONVERTER.match(value)) and not _TEMPLATE.match(value)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any TOML value
    """*value* without dynaconf's own types."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, _PLAIN):
        return value
    raise CastError(f"no setting is {type(value).__name__}")
