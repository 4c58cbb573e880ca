"""Systems Manager's identity card: the Parameter Store."""

from haneul.service import Service, StepSpec

SERVICE = Service(
    model="ssm",
    package="haneul.services.ssm",
    modules=("parameters", "reading", "describing", "labels", "tags"),
    steps={"ssm.parameter": StepSpec("state:PARAMETERS", "converge:step_parameter")},
    uses=("kms", "secretsmanager"),
)
