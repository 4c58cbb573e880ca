terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
variable "port" {}
locals { url = "http://127.0.0.1:${var.port}" }
provider "aws" {
  region                  = "us-east-1"
  access_key              = "test"
  secret_key              = "test"
  s3_use_path_style       = true
  skip_metadata_api_check = true
  endpoints {
    s3        = local.url
    s3control = local.url
    sts       = local.url
    iam       = local.url
    kms       = local.url
    sqs       = local.url
  }
}

resource "aws_s3_bucket" "site" {
  bucket        = "tf-site"
  force_destroy = true
  tags          = { of = "terraform" }
}
resource "aws_s3_bucket" "logs" {
  bucket        = "tf-logs"
  force_destroy = true
}
resource "aws_s3_bucket" "locked" {
  bucket              = "tf-locked"
  object_lock_enabled = true
  force_destroy       = true
}
resource "aws_s3_bucket_website_configuration" "w" {
  bucket = aws_s3_bucket.site.id
  index_document { suffix = "index.html" }
  error_document { key = "error.html" }
  routing_rule {
    condition { key_prefix_equals = "docs/" }
    redirect { replace_key_prefix_with = "documents/" }
  }
}
resource "aws_s3_bucket_logging" "l" {
  bucket        = aws_s3_bucket.site.id
  target_bucket = aws_s3_bucket.logs.id
  target_prefix = "log/"
  target_object_key_format {
    partitioned_prefix { partition_date_source = "EventTime" }
  }
}
resource "aws_s3_bucket_ownership_controls" "o" {
  bucket = aws_s3_bucket.logs.id
  rule { object_ownership = "BucketOwnerPreferred" }
}
resource "aws_s3_bucket_acl" "a" {
  depends_on = [aws_s3_bucket_ownership_controls.o]
  bucket     = aws_s3_bucket.logs.id
  acl        = "log-delivery-write"
}
resource "aws_s3_bucket_public_access_block" "p" {
  bucket                  = aws_s3_bucket.site.id
  block_public_policy     = false
  restrict_public_buckets = false
}
resource "aws_s3_bucket_policy" "b" {
  depends_on = [aws_s3_bucket_public_access_block.p]
  bucket     = aws_s3_bucket.site.id
  policy = jsonencode({ Version = "2012-10-17", Statement = [{
    Effect = "Allow", Principal = "*", Action = "s3:GetObject", Resource = "${aws_s3_bucket.site.arn}/*"
  }] })
}
resource "aws_s3_bucket_lifecycle_configuration" "r" {
  bucket = aws_s3_bucket.site.id
  rule {
    id     = "old"
    status = "Enabled"
    filter { prefix = "old/" }
    expiration { days = 30 }
    transition {
      days          = 10
      storage_class = "GLACIER"
    }
    noncurrent_version_expiration { noncurrent_days = 5 }
    abort_incomplete_multipart_upload { days_after_initiation = 3 }
  }
  rule {
    id     = "large"
    status = "Enabled"
    filter {
      and {
        prefix                   = "big/"
        object_size_greater_than = 1000
        tags                     = { size = "big" }
      }
    }
    expiration { days = 60 }
  }
}
resource "aws_s3_bucket_versioning" "v" {
  bucket = aws_s3_bucket.site.id
  versioning_configuration { status = "Enabled" }
}
resource "aws_s3_bucket_server_side_encryption_configuration" "e" {
  bucket = aws_s3_bucket.site.id
  rule {
    apply_server_side_encryption_by_default { sse_algorithm = "AES256" }
  }
}
resource "aws_s3_bucket_request_payment_configuration" "q" {
  bucket = aws_s3_bucket.site.id
  payer  = "BucketOwner"
}
resource "aws_s3_bucket_accelerate_configuration" "x" {
  bucket = aws_s3_bucket.site.id
  status = "Enabled"
}
resource "aws_s3_bucket_object_lock_configuration" "k" {
  bucket = aws_s3_bucket.locked.id
  rule {
    default_retention {
      mode = "GOVERNANCE"
      days = 1
    }
  }
}
resource "aws_s3_bucket_intelligent_tiering_configuration" "t" {
  bucket = aws_s3_bucket.site.id
  name   = "all"
  tiering {
    access_tier = "ARCHIVE_ACCESS"
    days        = 90
  }
}
resource "aws_s3_bucket_metric" "m" {
  bucket = aws_s3_bucket.site.id
  name   = "all"
  filter { prefix = "a/" }
}
resource "aws_s3_bucket_analytics_configuration" "n" {
  bucket = aws_s3_bucket.site.id
  name   = "all"
  storage_class_analysis {
    data_export {
      destination {
        s3_bucket_destination { bucket_arn = aws_s3_bucket.logs.arn }
      }
    }
  }
}
resource "aws_s3_bucket_inventory" "i" {
  bucket                   = aws_s3_bucket.site.id
  name                     = "all"
  included_object_versions = "All"
  schedule { frequency = "Daily" }
  destination {
    bucket {
      format     = "CSV"
      bucket_arn = aws_s3_bucket.logs.arn
    }
  }
}
resource "aws_s3_bucket_cors_configuration" "c" {
  bucket = aws_s3_bucket.site.id
  cors_rule {
    allowed_methods = ["GET"]
    allowed_origins = ["*"]
  }
}
resource "aws_sqs_queue" "q" { name = "tf-told" }
resource "aws_s3_bucket_notification" "n" {
  bucket = aws_s3_bucket.site.id
  queue {
    queue_arn     = aws_sqs_queue.q.arn
    events        = ["s3:ObjectCreated:*"]
    filter_suffix = ".log"
  }
}
resource "aws_s3_object" "index" {
  bucket           = aws_s3_bucket.site.id
  key              = "index.html"
  content          = "home"
  content_type     = "text/html"
  storage_class    = "STANDARD_IA"
  website_redirect = "/other"
  tags             = { a = "b" }
}
resource "aws_s3_object_copy" "copy" {
  bucket = aws_s3_bucket.site.id
  key    = "copy.html"
  source = "${aws_s3_bucket.site.id}/${aws_s3_object.index.key}"
  tags   = { a = "b" }
}
resource "aws_s3_object" "kept" {
  bucket                        = aws_s3_bucket.locked.id
  key                           = "kept"
  content                       = "kept"
  object_lock_legal_hold_status = "ON"
  object_lock_mode              = "GOVERNANCE"
  object_lock_retain_until_date = "2099-01-01T00:00:00Z"
  force_destroy                 = true
}
data "aws_s3_objects" "all" {
  depends_on = [aws_s3_object_copy.copy]
  bucket     = aws_s3_bucket.site.id
}
output "website" { value = aws_s3_bucket_website_configuration.w.website_endpoint }
