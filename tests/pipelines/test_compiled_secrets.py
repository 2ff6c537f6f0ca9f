"""Which tasks of the compiled pipelines get which secrets."""

from csad.config.line import ProductLine
from csad.deployment.objects import DeploymentTarget, ServingObjects
from pipelines.resources import STORE_OPTIONS, STORE_VARIABLES
from tests.pipelines.compiled import STAGES


def secrets_of(pipeline, task):
    return pipeline.wishes[f"exec-{task}"].get("secretAsEnv", [])


def names_token(secret):
    return [pair["envVar"] for pair in secret["keyToEnv"]] == ["CSAD_TOKEN"]


def test_the_deploying_task_alone_gets_the_services_token_where_there_is_one(gpu, deploying):
    target = DeploymentTarget(ProductLine(name="bottles"), "20261124T101500Z-0123abcd", image="serve")
    for pipeline in (gpu, deploying):
        for task in pipeline.executors:
            tokens = [secret for secret in secrets_of(pipeline, task) if names_token(secret)]
            assert len(tokens) == (task == "deployment")
            for secret in tokens:
                assert secret["keyToEnv"] == [{"envVar": "CSAD_TOKEN", "secretKey": "token"}]
                assert secret["secretNameParameter"]["runtimeValue"]["constant"] == target.token_secret
                assert secret["optional"] is True


def test_only_tasks_that_talk_to_the_store_get_its_keys_and_only_by_the_secrets_name(gpu, cpu, deploying):
    variables = {**STORE_VARIABLES, **STORE_OPTIONS}
    users = {"ingest", *STAGES, "release", "deployment"}
    for pipeline in (gpu, cpu, deploying):
        assert pipeline.parameters["store_secret"]["defaultValue"] == "csad-store"
        for task in pipeline.executors:
            secrets = [secret for secret in secrets_of(pipeline, task) if not names_token(secret)]
            found = {pair["secretKey"]: pair["envVar"] for secret in secrets for pair in secret["keyToEnv"]}
            assert found == (variables if task in users else {})
            assert all(
                secret["secretNameParameter"]["componentInputParameter"].endswith("store_secret") for secret in secrets
            )
            assert {one["name"] for one in pipeline.container(task).get("env", [])} <= {
                "CSAD_DEVICE",
                "OMP_NUM_THREADS",
                "CSAD_PATIENCE",
            }


def test_tasks_read_from_the_stores_secret_what_serving_pods_read(gpu, deploying):
    target = DeploymentTarget(ProductLine(name="bottles"), "20261124T101500Z-0123abcd", image="serve")
    template = ServingObjects(target, sha256="0" * 64, store_url="http://store:8333").main()["spec"]["template"]["spec"]
    references = {
        one["name"]: one["valueFrom"]["secretKeyRef"]
        for one in template["initContainers"][0]["env"]
        if "valueFrom" in one
    }
    wanted = {name: (reference["key"], reference.get("optional", False)) for name, reference in references.items()}
    for pipeline, task in ((gpu, "ingest"), (gpu, "release"), (deploying, "deployment")):
        found = {
            pair["envVar"]: (pair["secretKey"], secret.get("optional", False))
            for secret in secrets_of(pipeline, task)
            if not names_token(secret)
            for pair in secret["keyToEnv"]
        }
        assert found == wanted
