"""Links between days lie beside what they link: one row a cell and day is counted up and read, not one a window."""

from alembic import op

revision = "0005"
down_revision = "0004"

_DAY, _BLOCK, _ERA = 2, 3, 4
_WINDOWS = (7, 30, 90, 365)
_SIDES = ("began", "ended")
_SCORED = ("n", "promoters", "detractors")


def _move(table: str, into: str, keys: str, counts: tuple[str, ...]) -> None:
    """Put the rows of a table of links, one a window, beside the counters; `counts` end their columns' names."""
    own = ("records", "people", "singles") if into == "volume" else (*_SCORED, "singles")
    found = {
        f"{side}_{w}{count}": f"sum(case when within = {w} then {side}{count} else 0 end)"
        for w in _WINDOWS
        for side in _SIDES
        for count in counts
    }
    for each in (table, into):
        # Row security is forced on the owner too, who would see none of the rows; it is forced anew afterwards.
        op.execute(f"alter table scorecard.{each} no force row level security")
    for column in found:
        op.execute(f"alter table scorecard.{into} add column {column} int not null default 0")
    op.execute(
        f"insert into scorecard.{into} as c ({keys}, {', '.join(own)}, {', '.join(found)}) "
        f"select {keys}, {', '.join('0' for _ in own)}, {', '.join(found.values())} "
        f"from scorecard.{table} group by {keys} on conflict ({keys}) do update set "
        + ", ".join(f"{column} = excluded.{column}" for column in found)
    )
    op.execute(f"drop table scorecard.{table}")
    # Blocks and eras are of other lengths now: they are summed again from the days.
    op.execute(f"delete from scorecard.{into} where grain in ({_BLOCK}, {_ERA})")
    for grain, days, columns in ((_BLOCK, 8, [*own, *found]), (_ERA, 64, [*found])):
        sums = ", ".join(f"sum({c})" if c in columns else "0" for c in (*own, *found))
        key = ", ".join(
            {"grain": f"{grain}", "bucket": f"bucket / {days}"}.get(k, k) for k in keys.split(", ")
        )
        op.execute(
            f"insert into scorecard.{into} ({keys}, {', '.join((*own, *found))}) select {key}, {sums} "
            f"from scorecard.{into} where grain = {_DAY} group by {key}"
        )


def upgrade() -> None:
    _move("again", "volume", "tenant, cell, grain, bucket, shard", ("",))
    _move(
        "replaced",
        "score",
        "tenant, cell, metric, grain, bucket, shard",
        tuple(f"_{count}" for count in _SCORED),
    )
