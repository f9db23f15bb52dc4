"""How long one answer takes to render, by size: run `python bench/render.py`."""

import time
from collections.abc import Callable
from itertools import repeat

from surfacehost_render import close_open_fences, matrix, matrix_parts, plain, telegram

SECTION = """## Section {0}

Some **bold** text with `code`, a [link](https://example.org/{0}) and *emphasis* in a paragraph of ordinary length.

- first item with ~~struck~~ text
- second item
  - nested item

```py
def function_{0}(value: int) -> int:
    return value + {0}
```

| key | value |
|-----|------:|
| a   | {0}   |

"""
WORST = {"brackets": "[" * 3000, "stars": "*a " * 3000, "quotes": "> " * 3000, "fence": "```\n" + "x = 1\n" * 15_000}


def milliseconds(render: Callable[[str], object], markdown: str) -> float:
    """The best of five runs."""
    best = float("inf")
    for _ in repeat(None, 5):
        start = time.perf_counter()
        render(markdown)
        best = min(best, time.perf_counter() - start)
    return best * 1000


def main() -> None:
    """Print one line for each text: its size, then milliseconds for each renderer."""
    answer = "".join(SECTION.format(number) for number in range(200))
    texts = {"1 kB": answer[:1000], "4 kB": answer[:4000], "40 kB": answer[:40_000], **WORST}
    renderers = (telegram, matrix, matrix_parts, plain, close_open_fences)
    print(f"{'':10}", *(f"{render.__name__:>18}" for render in renderers))
    for name, markdown in texts.items():
        print(f"{name:10}", *(f"{milliseconds(render, markdown):18.2f}" for render in renderers))


if __name__ == "__main__":
    main()
