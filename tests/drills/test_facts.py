"""Whether "verified" is honest: with each declared value altered, that very fact fails on living hosts.

The hosts are asked once, and again only where an altered value changes the question. Values of one field are
altered together, on all entries at once, and each must fail for itself; names of entries one at a time. The
comparison of whole rendered files is left out: it would notice most alterations, and hide what no check holds
against an effective value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from tests.drills.doctored import Altered, alterations, doctored, dotted
from tests.drills.living import Timer
from tests.drills.verifier import Verifier

FILES = ("test_files.py",)


def test_every_altered_value_fails_for_itself(verifier: Verifier, figure: Callable[[str], None]) -> None:
    timer = Timer()
    undone = verifier.run(traffic=True, without=FILES)
    assert not undone.faults, "\n".join(undone.faults)
    together: dict[str, list[Altered]] = defaultdict(list)
    for one in alterations(verifier.contract):
        if not one.renamed:
            together[one.field].append(one)
    unnoticed, noticed, exempt = [], 0, set()
    for _, altered in sorted(together.items()):
        contract = doctored(verifier.contract, altered)
        outcome = verifier.run(contract, without=FILES)
        left = [one for one in altered if not fails(one, outcome.ledger.failed)]
        if left:  # perhaps only traffic shows it
            outcome = verifier.run(contract, traffic=True, without=FILES)
            left = [one for one in left if not fails(one, outcome.ledger.failed)]
        for one in left:
            if one.facts <= set(outcome.ledger.unsupported):
                exempt |= one.facts
            else:
                unnoticed.append(f"{dotted(one.path)}: {one.before!r} -> {one.after!r}: {sorted(one.facts)}")
        noticed += len(altered) - len(left)
    figure(
        f"values altered: {sum(map(len, together.values()))} of {len(together)} fields; noticed {noticed}, "
        f"unsupported on the platform {len(exempt)}, unnoticed {len(unnoticed)}; {timer}"
    )
    assert not unnoticed, "\n".join(unnoticed)
    assert noticed


def fails(one: Altered, failed: dict[str, str]) -> bool:
    return bool(one.facts) and one.facts <= set(failed)


def test_every_renamed_entry_is_noticed(verifier: Verifier, figure: Callable[[str], None]) -> None:
    """A name is no fact of its own: the entry under it is then another one, and some check says so."""
    timer = Timer()
    renamed = [one for one in alterations(verifier.contract) if one.renamed]
    unnoticed = []
    for one in renamed:
        contract = doctored(verifier.contract, [one])
        if not verifier.run(contract, without=FILES).faults:
            unnoticed.append(f"{dotted(one.path)}: {one.before!r} -> {one.after!r}")
    figure(f"entries renamed: {len(renamed)}, unnoticed {len(unnoticed)}; {timer}")
    assert renamed
    assert not unnoticed, "\n".join(unnoticed)
