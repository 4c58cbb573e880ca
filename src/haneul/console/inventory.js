// What an account can have here: for each service where it is listed, what one is called, where the console shows it, and its name on the bill.

import { json, s3xml } from "./aws.js";
import { ec2, named, pages as ec2Pages } from "./ec2.js";
import { pages as iamPages } from "./iam.js";
import { collect } from "./listing.js";
import { list, members, query } from "./query.js";
import { rest } from "./rest.js";

const MOST = 200;
const some = async (page) => (await collect(page, MOST)).items;
const target = (service, prefix, version = "1.1") => (operation, members = {}) => json(service, `${prefix}.${operation}`, members, version);
const dynamodb = target("dynamodb", "DynamoDB_20120810", "1.0");
const sqs = target("sqs", "AmazonSQS", "1.0");
const kms = target("kms", "TrentService");
const secrets = target("secretsmanager", "secretsmanager");
const ssm = target("ssm", "AmazonSSM");
const logs = target("logs", "Logs_20140328");
const events = target("events", "AWSEvents");
const tail = (arn) => arn.split(/[:/]/).pop();
const plainly = (name, link) => ({ name, link });
const pageOf = (call, operation, member, make, given = {}, token = "NextToken") => () => some(async (next) => {
  const answer = await call(operation, { ...given, ...(next ? { [token]: next } : {}) });
  return { items: (answer[member] || []).map(make), next: answer[token] || "" };
});
const fetched = (service, path, member, make) => async () => ((await rest(service, "GET", path))[member] || []).map(make);
const asked = (service, version, operation, set, make) => async () => members(await query(service, version, operation), set).map(make);
const ec2List = (operation, set, make, given) => async () => (await some(ec2Pages(operation, set, given, 100))).map(make);

export const INVENTORY = [
  { title: "EC2 instances", page: "instances", bill: ["Amazon Elastic Compute Cloud - Compute"], look: async () => (await some(ec2Pages("DescribeInstances", "reservationSet"))).flatMap((one) => list(one.instancesSet))
    .filter((one) => one.instanceState.name !== "terminated").map((one) => plainly(named(one.tagSet) || one.instanceId, `instances/${one.instanceId}`)) },
  { title: "EBS volumes", page: "volumes", bill: ["EC2 - Other"], look: ec2List("DescribeVolumes", "volumeSet", (one) => plainly(named(one.tagSet) || one.volumeId, `volumes/${one.volumeId}`)) },
  { title: "EBS snapshots", page: "volumes", bill: [], look: ec2List("DescribeSnapshots", "snapshotSet", (one) => plainly(one.snapshotId, `volumes/${one.snapshotId}`), { Owner: ["self"] }) },
  { title: "Images", page: "images", bill: [], look: ec2List("DescribeImages", "imagesSet", (one) => plainly(one.name, "images"), { Owner: ["self"] }) },
  { title: "Launch templates", page: "images", bill: [], look: ec2List("DescribeLaunchTemplates", "launchTemplates", (one) => plainly(one.launchTemplateName, "images")) },
  { title: "Auto Scaling groups", page: "scaling", bill: [], look: asked("autoscaling", "2011-01-01", "DescribeAutoScalingGroups", "AutoScalingGroups", (read) => plainly(read("AutoScalingGroupName"), `scaling/${read("AutoScalingGroupName")}`)) },
  { title: "VPCs", page: "network", bill: ["Amazon Virtual Private Cloud"], look: async () => list((await ec2("DescribeVpcs")).vpcSet).map((one) => plainly(named(one.tagSet) || one.vpcId, `network/${one.vpcId}`)) },
  { title: "Lambda functions", page: "functions", bill: ["AWS Lambda"], look: fetched("lambda", "/2015-03-31/functions/", "Functions", (one) => plainly(one.FunctionName, `functions/${one.FunctionName}`)) },
  { title: "S3 buckets", page: "buckets", bill: ["Amazon Simple Storage Service"], look: async () => [...(await s3xml("")).querySelectorAll("Bucket > Name")].map((one) => plainly(one.textContent, `buckets/${one.textContent}/`)) },
  { title: "Glacier vaults", page: "vaults", bill: ["Amazon Glacier", "Amazon S3 Glacier"], look: async () => (await rest("glacier", "GET", "/-/vaults", { headers: { "x-amz-glacier-version": "2012-06-01" } })).VaultList.map((one) => plainly(one.VaultName, `vaults/${one.VaultName}`)) },
  { title: "DynamoDB tables", page: "tables", bill: ["Amazon DynamoDB"], look: async () => (await dynamodb("ListTables")).TableNames.map((name) => plainly(name, `tables/${name}`)) },
  { title: "RDS databases", page: "databases", bill: ["Amazon Relational Database Service"], look: asked("rds", "2014-10-31", "DescribeDBInstances", "DBInstances", (read) => plainly(read("DBInstanceIdentifier"), `databases/${read("DBInstanceIdentifier")}`)) },
  { title: "SQS queues", page: "queues", bill: ["Amazon Simple Queue Service"], look: async () => ((await sqs("ListQueues")).QueueUrls || []).map((url) => plainly(tail(url), `queues/${tail(url)}`)) },
  { title: "SNS topics", bill: ["Amazon Simple Notification Service"], look: asked("sns", "2010-03-31", "ListTopics", "Topics", (read) => plainly(tail(read("TopicArn")))) },
  { title: "EventBridge rules", bill: ["CloudWatch Events", "Amazon EventBridge"], look: pageOf(events, "ListRules", "Rules", (one) => plainly(one.Name)) },
  { title: "Schedules", bill: ["Amazon EventBridge Scheduler"], look: fetched("scheduler", "/schedules", "Schedules", (one) => plainly(one.Name)) },
  { title: "REST APIs", bill: ["Amazon API Gateway"], look: fetched("apigateway", "/restapis", "item", (one) => plainly(one.name)) },
  { title: "HTTP and WebSocket APIs", bill: [], look: fetched("apigateway", "/v2/apis", "items", (one) => plainly(one.name)) },
  { title: "IAM users", page: "identity", bill: [], look: async () => (await some(iamPages("ListUsers", "Users"))).map((one) => plainly(one.UserName, `identity/users/${one.UserName}`)) },
  { title: "IAM roles", page: "identity", bill: [], look: async () => (await some(iamPages("ListRoles", "Roles"))).map((one) => plainly(one.RoleName, `identity/roles/${one.RoleName}`)) },
  { title: "KMS keys", bill: ["AWS Key Management Service"], look: pageOf(kms, "ListKeys", "Keys", (one) => plainly(one.KeyId), {}, "NextMarker") },
  { title: "Secrets", bill: ["AWS Secrets Manager"], look: pageOf(secrets, "ListSecrets", "SecretList", (one) => plainly(one.Name)) },
  { title: "Parameters", bill: ["AWS Systems Manager"], look: pageOf(ssm, "DescribeParameters", "Parameters", (one) => plainly(one.Name)) },
  { title: "Log groups", page: "logs", bill: ["AmazonCloudWatch"], look: pageOf(logs, "DescribeLogGroups", "logGroups", (one) => plainly(one.logGroupName, `logs/${encodeURIComponent(one.logGroupName)}`), {}, "nextToken") },
  { title: "Alarms", bill: [], look: asked("monitoring", "2010-08-01", "DescribeAlarms", "MetricAlarms", (read) => plainly(read("AlarmName"))) },
];
