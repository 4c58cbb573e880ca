terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
variable "port" {}
locals { url = "http://localhost:${var.port}" }
provider "aws" {
  region                  = "us-east-1"
  access_key              = "000000000000"
  secret_key              = "test"
  skip_metadata_api_check = true
  endpoints {
    s3        = local.url
    s3control = local.url
    sts       = local.url
    iam       = local.url
  }
}

resource "aws_s3_bucket" "data" {
  bucket = "tf-points"
}
resource "aws_s3_account_public_access_block" "account" {
  block_public_acls   = true
  block_public_policy = false
}
resource "aws_s3_access_point" "plain" {
  bucket = aws_s3_bucket.data.id
  name   = "plain"
  public_access_block_configuration {
    block_public_acls       = true
    block_public_policy     = false
    ignore_public_acls      = true
    restrict_public_buckets = false
  }
  lifecycle { ignore_changes = [policy] }
}
resource "aws_s3control_access_point_policy" "plain" {
  access_point_arn = aws_s3_access_point.plain.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "111111111111" }
      Action    = "s3:GetObjectTagging"
      Resource  = "${aws_s3_access_point.plain.arn}/object/*"
    }]
  })
}
resource "aws_s3_access_point" "inner" {
  bucket = aws_s3_bucket.data.id
  name   = "inner"
  vpc_configuration { vpc_id = "vpc-0123456789abcdef0" }
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "222222222222" }
      Action    = "s3:ListBucket"
      Resource  = "arn:aws:s3:us-east-1:000000000000:accesspoint/inner"
    }]
  })
}
resource "aws_s3_object" "by_point" {
  bucket  = aws_s3_access_point.plain.arn
  key     = "by/point"
  content = "hello"
}

resource "aws_iam_role" "data" {
  name = "data"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "access-grants.s3.amazonaws.com" }
      Action    = ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:SetContext"]
    }]
  })
}
resource "aws_iam_user" "jane" {
  name = "jane"
}
resource "aws_s3control_access_grants_instance" "one" {
  tags = { a = "1" }
}
resource "aws_s3control_access_grants_instance_resource_policy" "one" {
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "111111111111" }
      Action    = ["s3:ListAccessGrants", "s3:GetDataAccess"]
      Resource  = aws_s3control_access_grants_instance.one.access_grants_instance_arn
    }]
  })
}
resource "aws_s3control_access_grants_location" "data" {
  depends_on     = [aws_s3control_access_grants_instance.one]
  iam_role_arn   = aws_iam_role.data.arn
  location_scope = "s3://${aws_s3_bucket.data.id}/a*"
  tags           = { b = "2" }
}
resource "aws_s3control_access_grant" "jane" {
  account_id                = "000000000000"
  access_grants_location_id = aws_s3control_access_grants_location.data.access_grants_location_id
  permission                = "READ"
  access_grants_location_configuration {
    s3_sub_prefix = "/jane*"
  }
  grantee {
    grantee_type       = "IAM"
    grantee_identifier = aws_iam_user.jane.arn
  }
  tags = { c = "3" }
}

resource "aws_s3control_storage_lens_configuration" "daily" {
  config_id = "daily"
  storage_lens_configuration {
    enabled = true
    account_level {
      bucket_level {
        prefix_level {
          storage_metrics {
            enabled = true
            selection_criteria {
              delimiter                    = "/"
              max_depth                    = 3
              min_storage_bytes_percentage = 1.5
            }
          }
        }
      }
    }
    data_export {
      s3_bucket_destination {
        account_id            = "000000000000"
        arn                   = aws_s3_bucket.data.arn
        format                = "CSV"
        output_schema_version = "V_1"
        encryption {
          sse_s3 {}
        }
      }
    }
    exclude { regions = ["us-east-2"] }
  }
  tags = { d = "4" }
}
