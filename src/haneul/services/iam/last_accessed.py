"""Last-accessed details: which services an entity may use, and when it last did, from the gate's own notes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from haneul.auth import managed, tables
from haneul.auth.directory import entity_policies
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.iam import attachments, entities
from haneul.services.iam.entities import Answer, Entity, Request, change, directory
from haneul.services.iam.errors import errors
from haneul.services.iam.pages import page
from haneul.state.store import Reader

_KEPT = 86_400.0
NAMES = {
    "apigateway": "Amazon API Gateway Management",
    "appmesh": "AWS App Mesh",
    "apprunner": "AWS App Runner",
    "appsync": "AWS AppSync",
    "autoscaling": "Amazon EC2 Auto Scaling",
    "cloudformation": "AWS CloudFormation",
    "cloudfront": "Amazon CloudFront",
    "cloudtrail": "AWS CloudTrail",
    "cloudwatch": "Amazon CloudWatch",
    "dynamodb": "Amazon DynamoDB",
    "ebs": "Amazon Elastic Block Store",
    "ec2": "Amazon EC2",
    "ecr": "Amazon Elastic Container Registry",
    "ecs": "Amazon Elastic Container Service",
    "eks": "Amazon Elastic Kubernetes Service",
    "elasticbeanstalk": "AWS Elastic Beanstalk",
    "elasticfilesystem": "Amazon Elastic File System",
    "elasticloadbalancing": "Elastic Load Balancing",
    "events": "Amazon EventBridge",
    "glacier": "Amazon S3 Glacier",
    "iam": "AWS Identity and Access Management",
    "kinesis": "Amazon Kinesis Data Streams",
    "kms": "AWS Key Management Service",
    "lambda": "AWS Lambda",
    "lightsail": "Amazon Lightsail",
    "logs": "Amazon CloudWatch Logs",
    "organizations": "AWS Organizations",
    "rds": "Amazon RDS",
    "redshift": "Amazon Redshift",
    "route53": "Amazon Route 53",
    "s3": "Amazon S3",
    "secretsmanager": "AWS Secrets Manager",
    "ses": "Amazon SES",
    "sns": "Amazon SNS",
    "sqs": "Amazon SQS",
    "ssm": "AWS Systems Manager",
    "states": "AWS Step Functions",
    "sts": "AWS Security Token Service",
}


def _arn(call: Call, request: Request) -> str:
    return str(request["Arn"])


@operation(resource=_arn)
def generate_service_last_accessed_details(call: Call, request: Request) -> Answer:
    """The job is done when it is asked for; jobs of more than a day ago are forgotten."""
    scope = tables.scope(call.account)
    with change(call) as tx:
        _subjects(tx, call, request["Arn"])
        for old in list(tables.ACCESS_JOBS.scan(tx, scope)):
            if old.created < call.now() - _KEPT:
                tables.ACCESS_JOBS.delete(tx, scope, old.id)
        job = tables.AccessJob(
            tokens.uuid(), request["Arn"], entities.now(call), request.get("Granularity", "SERVICE_LEVEL")
        )
        tables.ACCESS_JOBS.put(tx, scope, job)
    return {"JobId": job.id}


@operation()
def get_service_last_accessed_details(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        job = _job(tx, call, request["JobId"])
        subjects = _subjects(tx, call, job.arn)
        services = sorted(_services(tx, call, subjects, job.arn))
        notes = {
            entities_arn(call, one): directory(call).usage.services(tx, call.account, entities_arn(call, one))
            for one in subjects
        }
        is_shared = ":policy/" in job.arn or ":group/" in job.arn
    return {
        "JobStatus": "COMPLETED",
        "JobType": job.granularity,
        "JobCreationDate": job.created,
        "JobCompletionDate": job.created,
        **page(
            request,
            "ServicesLastAccessed",
            services,
            lambda service: service,
            lambda service: _service(service, notes, is_shared),
        ),
    }


@operation()
def get_service_last_accessed_details_with_entities(call: Call, request: Request) -> Answer:
    service = request["ServiceNamespace"]
    with call.read() as tx:
        job = _job(tx, call, request["JobId"])
        subjects = _subjects(tx, call, job.arn)
        details = []
        for one in sorted(subjects, key=lambda row: (attachments.kind_of(row), row.key)):
            note = directory(call).usage.services(tx, call.account, entities_arn(call, one)).get(service)
            details.append((one, None if note is None else float(int(note[0]))))
    return {
        "JobStatus": "COMPLETED",
        "JobCreationDate": job.created,
        "JobCompletionDate": job.created,
        **page(
            request,
            "EntityDetailsList",
            details,
            lambda pair: f"{attachments.kind_of(pair[0])}/{pair[0].key}",
            lambda pair: {
                "EntityInfo": {
                    "Arn": entities_arn(call, pair[0]),
                    "Name": pair[0].name,
                    "Type": attachments.kind_of(pair[0]).upper(),
                    "Id": pair[0].id,
                    "Path": pair[0].path,
                },
                "LastAuthenticated": pair[1],
            },
        ),
    }


@operation(resource=_arn)
def list_policies_granting_service_access(call: Call, request: Request) -> Answer:
    arn = request["Arn"]
    with call.read() as tx:
        if ":policy/" in arn:
            raise errors.InvalidInput(f"Invalid ARN {arn}: it must name a user, group or role.")
        (subject,) = _subjects(tx, call, arn, expand=False)
        holders: list[Entity] = [subject]
        if isinstance(subject, tables.User):
            groups = [tables.GROUPS.get(tx, tables.scope(call.account), key) for key in subject.groups]
            holders += [group for group in groups if group is not None]
        granting = [
            {
                "ServiceNamespace": service,
                "Policies": [
                    one for holder in holders for one in _granting(tx, call, holder, service, holder is subject)
                ],
            }
            for service in request["ServiceNamespaces"]
        ]
    return {"PoliciesGrantingServiceAccess": granting, "IsTruncated": False}


def entities_arn(call: Call, row: Entity) -> str:
    if isinstance(row, tables.User):
        return entities.user_arn(call.account, row)
    if isinstance(row, tables.Group):
        return entities.group_arn(call.account, row)
    return entities.role_arn(call.account, row)


def _job(tx: Reader, call: Call, job: str) -> tables.AccessJob:
    found = tables.ACCESS_JOBS.get(tx, tables.scope(call.account), job)
    if found is None:
        raise errors.NoSuchEntity(f"Job with id {job} does not exist.")
    return found


def _subjects(tx: Reader, call: Call, arn: str, *, expand: bool = True) -> list[Entity]:
    """The users and roles that an ARN is about: itself, a group's users, or whom a policy is attached to."""
    scope = tables.scope(call.account)
    kind, _, name = arn.split(":", 5)[-1].partition("/")
    name = name.rpartition("/")[2]
    if kind in ("user", "role", "group") and name:
        row = entities.entity(tx, call, kind, name)
        if not expand or not isinstance(row, tables.Group):
            return [row]
        users = [tables.USERS.get(tx, scope, link.user) for link in tables.MEMBERSHIPS.scan(tx, scope, row.key)]
        return [user for user in users if user is not None]
    if kind != "policy":
        raise errors.InvalidInput(f"ARN {arn} is not valid.")
    if entities.policy(tx, call, arn) is None:
        raise errors.NoSuchEntity(f"Policy {arn} was not found.")
    found: dict[str, Entity] = {}
    for link in tables.ATTACHMENTS.scan(tx, scope, arn):
        if link.kind == "user":
            user = tables.USERS.get(tx, scope, link.entity)
            found |= {} if user is None else {user.id: user}
        elif link.kind == "role":
            role = tables.ROLES.get(tx, scope, link.entity)
            found |= {} if role is None else {role.id: role}
        elif link.kind == "group":
            for member in tables.MEMBERSHIPS.scan(tx, scope, link.entity):
                user = tables.USERS.get(tx, scope, member.user)
                found |= {} if user is None else {user.id: user}
    return list(found.values())


def _services(tx: Reader, call: Call, subjects: list[Entity], arn: str) -> set[str]:
    """The services that the policies in question allow anything of."""
    if ":policy/" in arn:
        policy = entities.policy(tx, call, arn)
        if isinstance(policy, managed.ManagedPolicy):
            return _allowed(call, [policy.document])
        if policy is not None:
            version = tables.POLICY_VERSIONS.get(tx, tables.scope(call.account), policy.key, policy.default)
            return set() if version is None else _allowed(call, [version.document])
    texts = [text for one in subjects for _, text in entity_policies(tx, call.account, one)]
    for one in subjects:
        if isinstance(one, tables.User):
            for key in one.groups:
                group = tables.GROUPS.get(tx, tables.scope(call.account), key)
                if group is not None:
                    texts += [text for _, text in entity_policies(tx, call.account, group)]
    return _allowed(call, texts)


def _allowed(call: Call, texts: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for text in texts:
        for vendor in _vendors(text):
            found |= set(call.cloud.services) if vendor == "*" else {vendor}
    return found


def _vendors(text: str) -> Iterator[str]:
    """The service prefixes of the actions that a document allows; "*" for all."""
    statements = json.loads(text).get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        if statement.get("Effect") != "Allow":
            continue
        if "NotAction" in statement:
            yield "*"
        actions = statement.get("Action", [])
        for action in actions if isinstance(actions, list) else [actions]:
            yield action.partition(":")[0].lower()


def _service(service: str, notes: dict[str, dict[str, tuple[float, str]]], is_shared: bool) -> Answer:
    found = [(note[service][0], note[service][1], arn) for arn, note in notes.items() if service in note]
    answer: Answer = {
        "ServiceName": NAMES.get(service, service),
        "ServiceNamespace": service,
        "TotalAuthenticatedEntities": len(found) if is_shared or found else 0,
    }
    if found:
        at, region, arn = max(found)
        answer |= {
            "LastAuthenticated": float(int(at)),
            "LastAuthenticatedEntity": arn,
            "LastAuthenticatedRegion": region,
        }
    return answer


def _granting(tx: Reader, call: Call, holder: Entity, service: str, is_own: bool) -> Iterator[Answer]:
    kind = attachments.kind_of(holder)
    for name, document in entity_policies(tx, call.account, holder):
        if not {"*", service} & set(_vendors(document)):
            continue
        if name.startswith("arn:"):
            yield {"PolicyName": name.rpartition("/")[2], "PolicyType": "MANAGED", "PolicyArn": name}
        else:
            yield {
                "PolicyName": name,
                "PolicyType": "INLINE",
                "EntityType": kind.upper(),
                "EntityName": holder.name,
            }
