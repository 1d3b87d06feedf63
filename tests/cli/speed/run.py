"""Many documents in one call: the work grows with their number and stays small."""
import pathlib
import resource
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from tool import Folder, arn, expect_json, policy, statement  # noqa: E402


def device(number):
    return policy(
        statement("iot:Connect", arn("client/${iot:Connection.Thing.ThingName}"),
                  Condition={"Bool": {"iot:Connection.Thing.IsAttached": "true"}}),
        statement(["iot:Publish", "iot:Receive"], arn(f"topic/plant{number}/${{iot:Connection.Thing.ThingName}}/*")),
        statement("iot:Subscribe", arn(f"topicfilter/plant{number}/${{iot:Connection.Thing.ThingName}}/*")))


def cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


with Folder() as at:
    files = [at.write(f"{i}.json", device(i)) for i in range(1000)]
    expect_json(0, "check", "--format", "json", files[0])
    start, before = time.monotonic(), cpu()
    answer = expect_json(0, "check", "--format", "json", *files)
    took, used = time.monotonic() - start, cpu() - before
    assert len(answer["files"]) == 1000 and answer["errors"] == 0
    print(f"1,000 policies: {took:.2f} s, {used:.2f} s of processor time")
    assert used < 10, used  # generous: builds with sanitizers run this too

print("ok")
