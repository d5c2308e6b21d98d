"""The charts that `flashtier plan` draws."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image

from ops import plan
from tests.support.aws_environments import parsed
from tests.support.plans import TODAY, run


def test_the_svg_chart_names_every_limit_and_class(tmp_path: Path) -> None:
    path = tmp_path / "prod.svg"
    result = run("-s", "prod", "--chart", str(path))
    assert result.exit_code == 0, result.output
    drawn = path.read_text()
    texts = {" ".join(text.split()) for text in re.findall(r"<text[^>]*>([^<]*)</text>", drawn)}
    report = plan.make("prod", parsed(), TODAY).report
    for limit in report["limits"]:
        assert limit["what"] in texts
        assert f"{limit['breaks_at']:,.2f}x" in texts
    assert {"instance-store", "io2", "gp3, too slow a write", "declared: i8g.8xlarge to 1.5x"} <= texts
    # The same plan gives the same file.
    assert "date" not in drawn


def test_the_png_chart_is_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "dev.png"
    assert run("-s", "dev", "--chart", str(path)).exit_code == 0
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert picture.width >= 800
        assert len(picture.convert("RGB").getcolors(1 << 24) or ()) > 10
