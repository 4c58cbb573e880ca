# What modules look up before they launch: types by name and by figures, and the zones that offer them.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "port" {
  type = number
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  endpoints {
    ec2 = "http://127.0.0.1:${var.port}"
    sts = "http://127.0.0.1:${var.port}"
  }
}

data "aws_ec2_instance_type" "gpu" {
  instance_type = "p4d.24xlarge"
}

data "aws_ec2_instance_type" "first" {
  instance_type = "t3.micro"
}

data "aws_ec2_instance_types" "arm" {
  filter {
    name   = "processor-info.supported-architecture"
    values = ["arm64"]
  }
  filter {
    name   = "instance-type"
    values = ["m7g.*"]
  }
}

data "aws_ec2_instance_type_offering" "preferred" {
  filter {
    name   = "instance-type"
    values = ["t2.micro", "t3.micro"]
  }
  preferred_instance_types = ["t3.micro", "t2.micro"]
}

data "aws_ec2_instance_type_offerings" "zones" {
  filter {
    name   = "instance-type"
    values = ["m5.large"]
  }
  location_type = "availability-zone"
}

data "aws_ec2_spot_price" "large" {
  instance_type     = "m5.large"
  availability_zone = "us-east-1a"
  filter {
    name   = "product-description"
    values = ["Linux/UNIX"]
  }
}

data "aws_ec2_serial_console_access" "now" {
  depends_on = [aws_ec2_serial_console_access.on]
}

resource "aws_ec2_serial_console_access" "on" {
  enabled = true
}

resource "aws_ec2_image_block_public_access" "all" {
  state = "block-new-sharing"
}

resource "aws_ec2_default_credit_specification" "t3" {
  instance_family = "t3"
  cpu_credits     = "standard"
}

resource "aws_ec2_host" "one" {
  instance_type     = "m5.large"
  availability_zone = "us-east-1a"
  host_recovery     = "off"
  auto_placement    = "on"
  tags = {
    Name = "one"
  }
}

resource "aws_ec2_instance_metadata_defaults" "strict" {
  http_tokens                 = "required"
  http_put_response_hop_limit = 2
}

data "aws_ec2_host" "one" {
  host_id = aws_ec2_host.one.id
}

output "told" {
  value = {
    gpus      = tolist(data.aws_ec2_instance_type.gpu.gpus)[0].count
    memory    = data.aws_ec2_instance_type.first.memory_size
    arm       = length(data.aws_ec2_instance_types.arm.instance_types)
    preferred = data.aws_ec2_instance_type_offering.preferred.instance_type
    zones     = length(data.aws_ec2_instance_type_offerings.zones.locations)
    spot      = data.aws_ec2_spot_price.large.spot_price
    console   = data.aws_ec2_serial_console_access.now.enabled
    cores     = data.aws_ec2_host.one.cores
  }
}
