from tools.audit import summary


def test_what_was_not_looked_up_is_not_called_safe():
    found = [
        {"name": "a", "version": "1", "vulns": []},
        {"name": "b", "version": "2", "skip_reason": "not found"},
        {"name": "c", "version": "3", "vulns": [{"id": "CVE-1", "fix_versions": ["4"]}]},
    ]
    assert summary(found) == [
        "c 3: CVE-1, fixed: 4",
        "pip-audit: 2 of 3 packages looked up",
        "1 not: PyPI's advisories do not know them, or are out of reach",
    ]
