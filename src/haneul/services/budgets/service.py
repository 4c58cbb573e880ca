"""Budgets' identity card."""

from haneul.service import Service, StepSpec

SERVICE = Service(
    model="budgets",
    package="haneul.services.budgets",
    modules=("budgets", "notifications", "subscribers", "history", "tags"),
    steps={
        "budgets.budget": StepSpec("state:BUDGETS", "converge:step_budget"),
        "budgets.notice": StepSpec("state:NOTICES", "converge:step_notice"),
    },
    uses=("sns", "events"),
    is_global=True,
)
