terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
variable "port" {}
locals { url = "http://127.0.0.1:${var.port}" }
provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  s3_use_path_style           = true
  skip_credentials_validation = false
  skip_requesting_account_id  = false
  skip_metadata_api_check     = true
  endpoints {
    s3             = local.url
    s3control      = local.url
    sts            = local.url
    iam            = local.url
    dynamodb       = local.url
    sqs            = local.url
    sns            = local.url
    kms            = local.url
    ssm            = local.url
    secretsmanager = local.url
    logs           = local.url
    events         = local.url
    cloudwatch     = local.url
    scheduler      = local.url
    rds            = local.url
    lambda         = local.url
    glacier        = local.url
    organizations  = local.url
  }
}
resource "aws_s3_bucket" "b" {
  bucket = "tf-bucket-one"
  tags   = { a = "b" }
}
resource "aws_s3_bucket_versioning" "v" {
  bucket = aws_s3_bucket.b.id
  versioning_configuration { status = "Enabled" }
}
resource "aws_s3_bucket_public_access_block" "p" {
  bucket                  = aws_s3_bucket.b.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}
resource "aws_s3_bucket_cors_configuration" "c" {
  bucket = aws_s3_bucket.b.id
  cors_rule {
    allowed_methods = ["GET"]
    allowed_origins = ["https://example.com"]
  }
}
resource "aws_s3_object" "o" {
  bucket  = aws_s3_bucket.b.id
  key     = "hello.txt"
  content = "hello"
}
resource "aws_dynamodb_table" "t" {
  name         = "tf-table"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "p"
  range_key    = "c"
  attribute {
    name = "p"
    type = "S"
  }
  attribute {
    name = "c"
    type = "S"
  }
  attribute {
    name = "g"
    type = "N"
  }
  global_secondary_index {
    name            = "byg"
    hash_key        = "g"
    projection_type = "ALL"
  }
  ttl {
    attribute_name = "end"
    enabled        = true
  }
  point_in_time_recovery { enabled = true }
  tags = { x = "y" }
}
resource "aws_dynamodb_table_item" "i" {
  table_name = aws_dynamodb_table.t.name
  hash_key   = "p"
  range_key  = "c"
  item       = jsonencode({ p = { S = "a" }, c = { S = "1" }, n = { N = "5" } })
}
resource "aws_sqs_queue" "dead" { name = "tf-dead" }
resource "aws_sqs_queue" "q" {
  name           = "tf-queue"
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead.arn, maxReceiveCount = 3 })
  tags           = { k = "v" }
}
resource "aws_sqs_queue" "f" {
  name                        = "tf-queue.fifo"
  fifo_queue                  = true
  content_based_deduplication = true
}
resource "aws_sns_topic" "t" { name = "tf-topic" }
resource "aws_sns_topic_subscription" "s" {
  topic_arn     = aws_sns_topic.t.arn
  protocol      = "sqs"
  endpoint      = aws_sqs_queue.q.arn
  filter_policy = jsonencode({ kind = ["x"] })
}
resource "aws_kms_key" "k" {
  description             = "tf"
  enable_key_rotation     = true
  deletion_window_in_days = 7
}
resource "aws_kms_alias" "k" {
  name          = "alias/tf"
  target_key_id = aws_kms_key.k.id
}
resource "aws_ssm_parameter" "p" {
  name  = "/tf/param"
  type  = "SecureString"
  value = "secret"
}
resource "aws_secretsmanager_secret" "s" {
  name                    = "tf-secret"
  recovery_window_in_days = 0
}
resource "aws_secretsmanager_secret_version" "s" {
  secret_id     = aws_secretsmanager_secret.s.id
  secret_string = "{\"a\":1}"
}
resource "aws_cloudwatch_log_group" "g" {
  name              = "/tf/logs"
  retention_in_days = 7
}
resource "aws_cloudwatch_metric_alarm" "a" {
  alarm_name          = "tf-alarm"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 1
  metric_name         = "m"
  namespace           = "n"
  period              = 60
  statistic           = "Sum"
  threshold           = 1
}
resource "aws_cloudwatch_event_rule" "r" {
  name          = "tf-rule"
  event_pattern = jsonencode({ source = ["my.app"] })
}
resource "aws_cloudwatch_event_target" "t" {
  rule = aws_cloudwatch_event_rule.r.name
  arn  = aws_sqs_queue.q.arn
}
resource "aws_iam_role" "r" {
  name               = "tf-role"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }] })
  tags               = { z = "1" }
}
resource "aws_iam_policy" "p" {
  name   = "tf-policy"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:*", Resource = "*" }] })
}
resource "aws_iam_role_policy_attachment" "a" {
  role       = aws_iam_role.r.name
  policy_arn = aws_iam_policy.p.arn
}
resource "aws_iam_role_policy_attachment" "m" {
  role       = aws_iam_role.r.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
}
resource "aws_iam_user" "u" { name = "tf-user" }
resource "aws_iam_access_key" "k" { user = aws_iam_user.u.name }
resource "aws_iam_group" "g" { name = "tf-group" }
resource "aws_iam_instance_profile" "i" {
  name = "tf-profile"
  role = aws_iam_role.r.name
}
resource "aws_scheduler_schedule" "s" {
  name = "tf-schedule"
  flexible_time_window { mode = "OFF" }
  schedule_expression = "rate(1 hours)"
  target {
    arn      = aws_sqs_queue.q.arn
    role_arn = aws_iam_role.r.arn
  }
}
resource "aws_glacier_vault" "v" { name = "tf-vault" }
data "aws_caller_identity" "me" {}
output "me" { value = data.aws_caller_identity.me.arn }
