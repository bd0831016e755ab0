"""Start the emulated service by hand: ``python -m tests.emulators.ibm``."""

import argparse
import shlex
import sys
import time
from pathlib import Path

from tests.emulators.ibm.devices import Device
from tests.emulators.ibm.faults import KINDS, Fault
from tests.emulators.ibm.server import Emulator
from tests.emulators.ibm.service import Service
from tests.emulators.ibm.settings import API_KEY, INSTANCE, Settings


def main() -> None:
    """Serve until interrupted; what to export goes to stdout."""
    parser = argparse.ArgumentParser(prog="python -m tests.emulators.ibm", description=__doc__)
    parser.add_argument("--port", type=int, default=8765, help="0 takes any free port")
    parser.add_argument("--state", type=Path, help="file that keeps jobs when the server stops")
    parser.add_argument("--device", action="append", help="ibm_kingston, ibm_fez …; repeatable")
    parser.add_argument("--queue-seconds", type=float, default=5.0)
    parser.add_argument("--listing-lag-seconds", type=float, default=2.0)
    parser.add_argument(
        "--submit-fault", choices=KINDS, help="what happens to the first submission"
    )
    given = parser.parse_args()
    settings = Settings(
        queue_seconds=given.queue_seconds,
        listing_lag_seconds=given.listing_lag_seconds,
        faults=[Fault("submit", given.submit_fault)] if given.submit_fault else [],
    )
    names = given.device or ["ibm_kingston", "ibm_fez"]
    service = Service(given.state, [Device.packaged(name) for name in names], settings)
    emulator = Emulator(service, given.port)
    for name, value in emulator.environment(API_KEY, INSTANCE).items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    sys.stdout.flush()
    sys.stderr.write(f"serving {', '.join(names)} on {emulator.url}; Ctrl-C stops it\n")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        emulator.close()


if __name__ == "__main__":
    main()
