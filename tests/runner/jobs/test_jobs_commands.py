"""A run in separate steps, from several machines, interrupted and resumed: as a user does it."""

import json
import shutil
import signal
import time

import pytest
from commands import HOUR, Shell

UNLIKELY_SECONDS = 60


@pytest.fixture
def shell(place):
    shell = Shell(place)
    shell.configure()
    return shell


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The counts of the run when nothing goes wrong."""
    shell = Shell(tmp_path_factory.mktemp("undisturbed"))
    shell.configure()
    assert shell("run", "c.yaml").code == 0
    return shell.counts()


def until(condition):
    deadline = time.monotonic() + UNLIKELY_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def jobs_are_sent(shell, number):
    status = shell("status", "--json")
    # There is no run before its process has come so far.
    return status.code != 1 and status.json["cost"]["jobs"] == number


# --- a run in steps


def test_a_run_in_steps(shell, undisturbed):
    shell.configure(queue_seconds=HOUR)
    submitted = shell("submit", "c.yaml", "--json")
    assert submitted.code == 0
    assert submitted.json["circuits"] == {"assigned": 4}
    assert [s["state"] for s in submitted.json["submissions"]] == ["accepted"] * 2
    status = shell("status")
    assert status.code == 3
    assert "4 assigned of 4" in status.stdout
    assert f"enclone collect {shell.run.name}" in status.stdout
    early = shell("collect", "--json")
    assert early.code == 3
    assert [row["value"] for row in early.json] == [None, None]
    assert "4 of 4 circuits have no counts yet" in early.stderr
    watching = shell.start("watch", "latest", "--json")
    time.sleep(1)
    assert watching.poll() is None
    shell.end_the_queue()
    rows, _ = watching.communicate(timeout=60)
    assert watching.returncode == 0
    assert [row["value"] for row in json.loads(rows)] == [1.0, 1.0]
    assert shell("status", "--json").json["state"] == "done"
    assert shell.counts() == undisturbed
    assert len(shell.cloud_jobs()) == 2


def test_what_is_ready_is_collected_while_the_rest_waits(shell):
    shell.configure(circuits_per_job=1, seconds_per_circuit=0, faults=[])
    shell.configure(circuits_per_job=1, queue_seconds=HOUR)
    assert shell("submit", "c.yaml").code == 0
    # A second run joins the store; it is not the one that is meant.
    shell.configure(circuits_per_job=4)
    time.sleep(1.1)
    assert shell("run", "c.yaml").code == 0
    first, second = shell("list", "--json").json
    assert [first["state"], second["state"]] == ["pending", "done"]
    shell.end_the_queue()
    collected = shell("resume", first["run"])
    assert collected.code == 0
    assert {run["state"] for run in shell("list", "--json").json} == {"done"}
    text = shell("list").stdout.splitlines()
    assert [line.split()[0] for line in text] == [first["run"], second["run"]]


def test_a_timeout_leaves_the_run_to_go_on(shell):
    shell.configure(queue_seconds=HOUR)
    done = shell("run", "c.yaml", "--timeout", "1")
    assert done.code == 3
    assert "circuits have no counts yet" in done.stderr
    shell.end_the_queue()
    assert shell("watch").code == 0


def test_a_second_resume_changes_nothing(shell, undisturbed):
    assert shell("run", "c.yaml").code == 0
    before = shell("status", "--json").json
    for _ in range(2):
        assert shell("resume").code == 0
    assert shell("status", "--json").json == before
    assert shell.counts() == undisturbed


def test_a_new_run_of_the_same_file_is_new_data(shell):
    assert shell("run", "c.yaml").code == 0
    assert shell("run", "c.yaml").code == 0
    first, second = shell("list", "--json").json
    assert first["run"] != second["run"]
    assert len(list((shell.place / "runs" / ".rehearsal").iterdir())) == 2


def test_a_simulator_takes_the_same_steps(shell):
    shell.configure("stim")
    assert shell("submit", "c.yaml").code == 0
    assert shell("status").code == 0
    assert shell("collect").code == 0
    assert [row["value"] for row in shell("report", "--json").json] == [1.0, 1.0]


# --- interrupted


def test_killed_while_it_waits_and_resumed_on_another_machine(shell, undisturbed, tmp_path):
    shell.configure(queue_seconds=HOUR)
    process = shell.start("run", "c.yaml")
    until(lambda: jobs_are_sent(shell, 2))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    shell.end_the_queue()
    # The other machine has the store and nothing else.
    elsewhere = Shell(
        tmp_path, ENCLONE_STORE=f"sqlite:///{shell.place / 'runs' / 'enclone.sqlite'}"
    )
    status = elsewhere("status", "--json")
    assert (status.code, status.json["circuits"]) == (3, {"assigned": 4})
    assert elsewhere("resume").code == 0
    assert elsewhere.counts() == undisturbed
    assert len(shell.cloud_jobs()) == 2
    assert {p.name for p in elsewhere.run.iterdir()} >= {"config.yaml", "report.html", "counts"}


def test_ctrl_c_leaves_a_run_that_resume_completes(shell, undisturbed):
    shell.configure(queue_seconds=HOUR)
    process = shell.start("run", "c.yaml")
    until(lambda: jobs_are_sent(shell, 2))
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "'enclone resume " in stderr
    assert "Traceback" not in stderr
    shell.end_the_queue()
    assert shell("resume").code == 0
    assert shell.counts() == undisturbed
    assert len(shell.cloud_jobs()) == 2


def test_two_resumes_at_once_do_not_step_on_each_other(shell, undisturbed):
    shell.configure(queue_seconds=HOUR, circuits_per_job=1)
    assert shell("submit", "c.yaml").code == 0
    processes = [shell.start("resume") for _ in range(3)]
    until(lambda: sum(process.poll() is not None for process in processes) == 2)
    shell.end_the_queue()
    outputs = [process.communicate(timeout=60) for process in processes]
    assert sorted(process.returncode for process in processes) == [0, 3, 3]
    for process, (_, stderr) in zip(processes, outputs, strict=True):
        assert "Traceback" not in stderr
        if process.returncode == 3:
            assert "another process works on run" in stderr
            assert "enclone watch" in stderr
    assert shell.counts() == undisturbed
    assert len(shell.cloud_jobs()) == 4


def test_a_run_is_watched_and_cancelled_from_another_terminal(shell):
    shell.configure(queue_seconds=30)
    running = shell.start("run", "c.yaml")
    until(lambda: jobs_are_sent(shell, 2))
    watched = shell("watch", "--timeout", "1")
    assert watched.code == 3
    assert "another process works on this run; looking on" in watched.stderr
    cancelled = shell("cancel", "latest", "--json")
    assert cancelled.code == 0
    assert cancelled.json["circuits"] == {"cancelled": 4}
    running.communicate(timeout=30)
    assert running.returncode == 1
    assert [job.state for job in shell.cloud_jobs()] == ["cancelled"] * 2
    assert shell("resume").code == 1
    assert len(shell.cloud_jobs()) == 2, "a cancelled run is not sent again"


# --- doubt, refusal, failure


def test_doubtful_answers_are_told_and_end_in_one_job_each(shell, undisturbed):
    shell.configure(
        queue_seconds=2,
        faults=[
            {"call": "submit", "kind": "timeout_after"},
            {"call": "submit", "kind": "accepted_502_twice", "first": 2},
        ],
    )
    done = shell("run", "c.yaml")
    assert done.code == 0
    assert "asking the provider for its tag before anything else" in done.stderr
    assert done.stderr.count("is a duplicate made by a repeated call") == 2
    assert shell.counts() == undisturbed
    assert sorted(j.state for j in shell.cloud_jobs()) == ["cancelled"] * 2 + ["done"] * 2


def test_a_refusal_says_what_to_do_and_keeps_what_ran(shell):
    shell.configure(faults=[{"call": "submit", "kind": "refused", "first": 2}])
    refused = shell("run", "c.yaml")
    assert refused.code == 1
    last = refused.stderr.splitlines()[-1]
    assert "was refused: HTTP 403" in last
    assert "then send the job again" in last
    assert len(shell.counts()) == 2
    assert shell("status").code == 3
    assert shell("resume").code == 0
    assert len(shell.cloud_jobs()) == 2


def test_a_failed_circuit_never_hides_the_good_ones(shell):
    shell.configure(fail_circuits={0: {"message": "lost in the fridge", "code": "1305"}})
    done = shell("run", "c.yaml", "--json")
    assert done.code == 4
    assert [row["value"] for row in done.json] == [None, 1.0]
    assert "lost in the fridge" in done.stderr
    assert shell("status").code == 4
    assert len(shell.cloud_jobs()) == 2


def test_a_failure_that_is_safe_to_retry_is_sent_again(shell, undisturbed):
    shell.configure(fail_circuits={1: {"message": "laser off", "safe_to_retry": True}})
    done = shell("run", "c.yaml")
    assert done.code == 0
    assert "laser off; sending it again" in done.stderr
    assert shell.counts() == undisturbed
    assert [job.circuits for job in shell.cloud_jobs()] == [2, 2, 1]


# --- money


PRICES = {"usd_per_job": 0.3, "usd_per_shot": 0.01, "qpu_seconds_per_shot": 0.5}


def test_a_plan_tells_jobs_fees_queue_and_what_each_rests_on(shell):
    shell.configure(queue_seconds=60, **PRICES)
    planned = shell("plan", "c.yaml", "--json")
    assert planned.code == 0
    forecast = planned.json["forecast"]
    assert (forecast["jobs"], forecast["circuits"], forecast["shots"]) == (2, 4, 80)
    assert forecast["job_fees_usd"] == pytest.approx(0.6)
    assert forecast["shot_fees_usd"] == pytest.approx(0.8)
    assert forecast["usd"] == pytest.approx(1.4)
    assert (forecast["qpu_seconds"], forecast["queue_seconds"]) == (40, 60)
    for word in ("QPU time", "money", "queue"):
        assert any(line.startswith(word) for line in forecast["assumptions"])
    assert [p.name for p in shell.place.iterdir()] == ["c.yaml"], "a plan makes nothing"


@pytest.mark.parametrize("command", ["plan", "run", "submit"])
def test_over_budget_nothing_is_sent(shell, command):
    shell.configure(**PRICES)
    refused = shell(command, "c.yaml", "-o", "budget.usd=1.39")
    assert refused.code == 5
    assert "needs 1.4 USD, but budget.usd allows 1.39 USD; nothing was sent" in refused.stderr
    assert not (shell.place / "runs").exists()


def test_the_budget_is_checked_again_before_each_submission(shell):
    # What has to be sent again was not in the forecast.
    failing = {k: {"message": "laser off", "safe_to_retry": True, "times": 2} for k in range(4)}
    shell.configure(fail_circuits=failing, **PRICES)
    stopped = shell("run", "c.yaml", "-o", "budget.usd=1.5")
    assert stopped.code == 5
    assert "budget.usd allows 1.5" in stopped.stderr
    assert "it was not sent" in stopped.stderr
    bill = shell("status", "--json").json["cost"]["billed"]["usd"]
    assert bill == pytest.approx(sum(job.usage.usd for job in shell.cloud_jobs()))
    assert bill <= 1.5


def test_the_forecast_stands_beside_the_bill(shell):
    shell.configure(**PRICES)
    done = shell("run", "c.yaml")
    assert "forecast 40 QPU s and 1.4 USD, billed 40 QPU s and 1.4 USD" in done.stderr
    provenance = json.loads((shell.run / "provenance.json").read_text(encoding="utf-8"))
    assert provenance["circuits"] == {"counted": 4}
    assert provenance["cost"]["billed"]["usd"] == pytest.approx(1.4)
    assert "1.4 USD" in (shell.run / "report.html").read_text(encoding="utf-8")


# --- the store is lost


def test_a_lost_store_is_made_anew_from_the_run_folder(shell, undisturbed):
    shell.configure(queue_seconds=HOUR)
    assert shell("submit", "c.yaml").code == 0
    for file in (shell.place / "runs").glob("enclone.sqlite*"):
        file.unlink()
    assert shell("status").code == 1
    adopted = shell("adopt", f"runs/{shell.run.name}", "--json")
    assert adopted.code == 0
    assert adopted.json == {"run": shell.run.name, "adopted": ["rh-000001", "rh-000002"]}
    shell.end_the_queue()
    assert shell("resume").code == 0
    assert shell.counts() == undisturbed
    assert len(shell.cloud_jobs()) == 2


def test_adopting_twice_takes_nothing_twice(shell):
    shell.configure(queue_seconds=HOUR)
    assert shell("submit", "c.yaml").code == 0
    assert shell("adopt", "latest", "--json").json["adopted"] == []
    already = shell("adopt", "latest", "--tag", f"{shell.run.name}-0")
    assert already.code == 1
    assert "already has job 'rh-000001'" in already.stderr


def test_a_cloud_that_is_gone_is_not_taken_for_an_empty_one(shell):
    shell.configure(queue_seconds=30)
    assert shell("submit", "c.yaml").code == 0
    shutil.rmtree(shell.place / "runs" / ".rehearsal")
    gone = shell("resume")
    assert gone.code == 1
    assert "is gone" in gone.stderr
    assert shell("status", "--json").json["circuits"] == {"assigned": 4}


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["resume"], ["watch"], ["collect"], ["cancel", "x"], ["adopt", "x"]],
    ids=lambda words: words[0],
)
def test_without_any_run_a_command_says_how_to_start_one(shell, arguments):
    done = shell(*arguments)
    assert (done.code, done.stdout) == (1, "")
    assert "enclone run CONFIG" in done.stderr
    assert not (shell.place / "runs").exists(), "looking makes no store"
