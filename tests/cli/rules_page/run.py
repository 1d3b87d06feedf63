"""docs/rules.md is what the rule tables say. To renew: fleetprov rules --format markdown > docs/rules.md"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from tool import SOURCE, expect  # noqa: E402

page = (SOURCE / "docs" / "rules.md").read_text(encoding="utf-8")
made = expect(0, "rules", "--format", "markdown").stdout
for number, (there, here) in enumerate(zip(page.splitlines(), made.splitlines()), 1):
    assert there == here, f"docs/rules.md:{number} is out of date:\n  page: {there}\n  tool: {here}"
assert page == made, "docs/rules.md is out of date: fleetprov rules --format markdown > docs/rules.md"
print("ok")
