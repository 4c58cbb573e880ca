# Budgets with filters and notifications, and the price list as a data source.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "port" { type = string }

locals { url = "http://localhost:${var.port}" }

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "000000000000"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  endpoints {
    budgets = local.url
    ec2     = local.url
    iam     = local.url
    pricing = local.url
    sns     = local.url
    sts     = local.url
  }
}

resource "aws_sns_topic" "alarms" {
  name = "budget-alarms"
}

resource "aws_budgets_budget" "all" {
  name              = "all"
  budget_type       = "COST"
  limit_amount      = "100"
  limit_unit        = "USD"
  time_unit         = "MONTHLY"
  time_period_start = "2026-01-01_00:00"
  tags              = { team = "blue" }

  notification {
    comparison_operator        = "GREATER_THAN"
    threshold                  = 80
    threshold_type             = "PERCENTAGE"
    notification_type          = "ACTUAL"
    subscriber_email_addresses = ["team@example.com"]
    subscriber_sns_topic_arns  = [aws_sns_topic.alarms.arn]
  }

  notification {
    comparison_operator       = "GREATER_THAN"
    threshold                 = 100
    threshold_type            = "ABSOLUTE_VALUE"
    notification_type         = "FORECASTED"
    subscriber_sns_topic_arns = [aws_sns_topic.alarms.arn]
  }
}

resource "aws_budgets_budget" "compute" {
  name         = "compute"
  budget_type  = "COST"
  limit_amount = "12.5"
  limit_unit   = "USD"
  time_unit    = "DAILY"

  cost_filter {
    name   = "Service"
    values = ["Amazon Elastic Compute Cloud - Compute", "EC2 - Other"]
  }

  cost_filter {
    name   = "TagKeyValue"
    values = ["user:team$blue"]
  }

  cost_types {
    include_tax     = false
    include_upfront = false
  }
}

resource "aws_budgets_budget" "usage" {
  name         = "usage"
  budget_type  = "USAGE"
  limit_amount = "5"
  limit_unit   = "GB-Mo"
  time_unit    = "QUARTERLY"

  cost_filter {
    name   = "UsageType"
    values = ["TimedStorage-ByteHrs"]
  }
}

data "aws_pricing_product" "instance" {
  service_code = "AmazonEC2"

  filters {
    field = "instanceType"
    value = "m5.large"
  }
  filters {
    field = "operatingSystem"
    value = "Linux"
  }
  filters {
    field = "location"
    value = "US East (N. Virginia)"
  }
  filters {
    field = "preInstalledSw"
    value = "NA"
  }
  filters {
    field = "licenseModel"
    value = "No License required"
  }
  filters {
    field = "tenancy"
    value = "Shared"
  }
  filters {
    field = "capacitystatus"
    value = "Used"
  }
}

output "hourly" {
  value = one(flatten([
    for term in values(jsondecode(data.aws_pricing_product.instance.result).terms.OnDemand) :
    [for price in values(term.priceDimensions) : price.pricePerUnit.USD]
  ]))
}
