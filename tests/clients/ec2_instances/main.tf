# Instances as Terraform's users write them: the plain one, and one with everything that reads back.
terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
variable "port" {}
variable "image" {}
locals { url = "http://127.0.0.1:${var.port}" }
provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = false
  skip_requesting_account_id  = false
  skip_metadata_api_check     = true
  endpoints {
    ec2 = local.url
    iam = local.url
    sts = local.url
  }
}

resource "aws_instance" "plain" {
  ami           = var.image
  instance_type = "t3.micro"
}

resource "aws_iam_role" "web" {
  name               = "web"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }] })
}

resource "aws_iam_instance_profile" "web" {
  name = "web"
  role = aws_iam_role.web.name
}

resource "aws_security_group" "web" {
  name = "web"
}

resource "aws_instance" "web" {
  ami                                  = var.image
  instance_type                        = "t3.micro"
  availability_zone                    = "us-east-1b"
  vpc_security_group_ids               = [aws_security_group.web.id]
  iam_instance_profile                 = aws_iam_instance_profile.web.name
  user_data                            = "#!/bin/sh\necho hello\n"
  monitoring                           = true
  ebs_optimized                        = true
  disable_api_stop                     = false
  instance_initiated_shutdown_behavior = "terminate"
  tags                                 = { Name = "web" }
  volume_tags                          = { Name = "web" }
  credit_specification { cpu_credits = "standard" }
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 2
    instance_metadata_tags      = "enabled"
  }
  root_block_device {
    volume_size = 10
    volume_type = "gp3"
  }
  ebs_block_device {
    device_name = "/dev/sdf"
    volume_size = 1
  }
}

data "aws_instance" "web" {
  instance_id = aws_instance.web.id
}

output "address" { value = data.aws_instance.web.private_ip }
