"""The fault matrix over real processes: `make chaos ONLY=A1,C1 ROUNDS=20 SEED=1 REPORT=chaos.json`.

Each scenario does a fault again and again at random moments while vehicles drive, then lets
everything drain and asks the oracle: lost, doubled and invented fixes must be 0. The ids are those
of the fault matrix in the design.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.system.world import FACTOR, Kind, Verdict, World

# Between two faults there is a random pause within these seconds.
PAUSE_S = (0.1, 0.8)
ROUNDS = 20


@dataclass(frozen=True)
class Scenario:
    """A fault: what it is called, what it is, and how one round of it is done."""

    id: str
    fault: str
    inject: Callable[[World, random.Random], None]


def kill_agent(world: World, chance: random.Random) -> None:
    """End a vehicle by SIGKILL and start it again."""
    vehicle = chance.choice(world.vehicles)
    world.programs.kill(vehicle.id)
    world.start_agent(vehicle)


def kill_broker(world: World, _chance: random.Random) -> None:
    """End the broker by SIGKILL; it comes back empty."""
    world.broker.kill()
    world.broker.start()


def wipe_broker(world: World, _chance: random.Random) -> None:
    """Stop the broker, empty its data, start it again."""
    world.broker.stop()
    world.broker.wipe()
    world.broker.start()


def kill_collector(world: World, _chance: random.Random) -> None:
    """End the ingest program by SIGKILL and start it again."""
    world.programs.kill("ingest")
    world.start_collector()


def stop_database_immediately(world: World, _chance: random.Random) -> None:
    """Stop PostgreSQL as a crash would, and start it again."""
    world.postgres.stop(immediate=True)
    world.postgres.start()


def cut_link(world: World, _chance: random.Random) -> None:
    """Break every connection of the agents, as a lost carrier does."""
    world.line.cut()


def swallow_link(world: World, chance: random.Random) -> None:
    """Let nothing through for a while, and tell nobody."""
    world.line.line.black_hole = True
    threading.Event().wait(chance.uniform(0.5, 2.0))
    world.line.line.black_hole = False


SCENARIOS = {
    scenario.id: scenario
    for scenario in (
        Scenario("A1", "kill -9 agent at random moments", kill_agent),
        Scenario("B1", "kill -9 broker, persistence off", kill_broker),
        Scenario("B3", "broker stopped and its data wiped", wipe_broker),
        Scenario("N2", "a link that swallows everything for a while", swallow_link),
        Scenario("N3", "a link that breaks again and again", cut_link),
        Scenario("C1", "kill -9 collector at random moments", kill_collector),
        Scenario("C3", "PostgreSQL stopped with -m immediate", stop_database_immediately),
    )
}


def run_scenario(scenario: Scenario, rounds: int, seed: int, broker: Kind | None = None) -> Verdict:
    """Run one scenario in a world of its own, over a broker or the first at hand."""
    chance = random.Random(f"{scenario.id}-{seed}")
    drive_s = FACTOR * rounds * sum(PAUSE_S)  # twice the mean pause leaves room for the restarts
    folder = Path(tempfile.mkdtemp(prefix="mp-"))
    folder.chmod(0o755)
    pause = threading.Event()
    try:
        with World(folder, drive_s=drive_s, broker=broker) as world:
            for _ in range(rounds):
                pause.wait(chance.uniform(*PAUSE_S))
                scenario.inject(world, chance)
            return world.settle()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Run the scenarios, write the report, and exit with 1 where a fix was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(SCENARIOS), help="ids, with commas between")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    wanted = options.only.split(",")
    unknown = [name for name in wanted if name not in SCENARIOS]
    if unknown:
        parser.error(f"--only: {unknown[0]} is none of {', '.join(SCENARIOS)}")
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    rows = []
    for name in wanted:
        scenario = SCENARIOS[name]
        begin_s = time.monotonic()
        verdict = run_scenario(scenario, options.rounds, seed)
        took_s = round(time.monotonic() - begin_s, 1)
        rows.append({"id": name, "fault": scenario.fault, "rounds": options.rounds, "seed": seed})
        rows[-1] |= {**asdict(verdict), "took_s": took_s}
        sys.stdout.write(
            f"{name}  {scenario.fault}: {options.rounds} rounds, {verdict.held} fixes held, "
            f"{verdict.lost} lost, {verdict.duplicates} twice, {verdict.invented} invented, "
            f"drained in {verdict.drained_s} s\n"
        )
        sys.stdout.flush()
    if options.report:
        options.report.write_text(json.dumps({"seed": seed, "scenarios": rows}, indent=1) + "\n")
    failed = any(row["lost"] or row["duplicates"] or row["invented"] for row in rows)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
