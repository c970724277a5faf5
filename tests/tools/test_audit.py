from tools.audit import OUT_OF_REACH, summary


def test_what_was_not_looked_up_is_not_called_safe():
    found = [
        {"name": "a", "version": "1", "vulns": []},
        {"name": "b", "version": "2", "skip_reason": "not found"},
        {"name": "c", "version": "3", "vulns": [{"id": "CVE-1", "fix_versions": ["4"]}]},
    ]
    assert summary(found) == [
        "c 3: CVE-1, fixed: 4",
        "pip-audit: 2 of 3 packages looked up",
        "1 not: PyPI's advisories do not know them, or were out of reach",
    ]


def test_where_nothing_was_looked_up_it_says_that_nothing_is_known():
    skipped = [{"name": name, "version": "1", "skip_reason": "no network"} for name in "ab"]
    assert summary(skipped) == [OUT_OF_REACH]
    assert summary([]) == [OUT_OF_REACH]
