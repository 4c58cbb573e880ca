terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
variable "port" {}
variable "image" {}
locals { url = "http://127.0.0.1:${var.port}" }
provider "aws" {
  region                  = "us-east-1"
  access_key              = "test"
  secret_key              = "test"
  skip_metadata_api_check = true
  endpoints {
    ec2 = local.url
    sts = local.url
    iam = local.url
  }
}
data "aws_vpc" "default" { default = true }
data "aws_subnets" "default" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.default.id]
  }
}
resource "aws_security_group" "web" {
  name   = "web"
  vpc_id = data.aws_vpc.default.id
}
resource "aws_iam_role" "node" {
  name               = "node"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }] })
}
resource "aws_iam_instance_profile" "node" {
  name = "node"
  role = aws_iam_role.node.name
}
resource "aws_placement_group" "near" {
  name     = "near"
  strategy = "cluster"
  tags     = { Name = "near" }
}
resource "aws_placement_group" "parts" {
  name            = "parts"
  strategy        = "partition"
  partition_count = 3
}
resource "aws_placement_group" "wide" {
  name     = "wide"
  strategy = "spread"
}
resource "aws_launch_template" "web" {
  name                                 = "web"
  description                          = "first"
  image_id                             = var.image
  instance_type                        = "t3.micro"
  ebs_optimized                        = true
  instance_initiated_shutdown_behavior = "terminate"
  disable_api_stop                     = false
  disable_api_termination              = false
  update_default_version               = true
  block_device_mappings {
    device_name = "/dev/sdf"
    ebs {
      volume_size           = 3
      volume_type           = "gp3"
      iops                  = 3000
      throughput            = 125
      delete_on_termination = true
      encrypted             = true
    }
  }
  cpu_options {
    core_count       = 1
    threads_per_core = 2
  }
  credit_specification { cpu_credits = "standard" }
  iam_instance_profile { name = aws_iam_instance_profile.node.name }
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 2
    instance_metadata_tags      = "enabled"
  }
  monitoring { enabled = true }
  network_interfaces {
    device_index                = 0
    associate_public_ip_address = true
    delete_on_termination       = true
    security_groups             = [aws_security_group.web.id]
  }
  placement { group_name = aws_placement_group.parts.name }
  maintenance_options { auto_recovery = "disabled" }
  private_dns_name_options {
    hostname_type                     = "ip-name"
    enable_resource_name_dns_a_record = true
  }
  tag_specifications {
    resource_type = "instance"
    tags          = { Name = "web" }
  }
  tag_specifications {
    resource_type = "volume"
    tags          = { Name = "disk" }
  }
  tags = { Name = "web" }
}
resource "aws_launch_template" "any" {
  name_prefix = "any-"
  image_id    = var.image
  user_data   = base64encode("#!/bin/sh\n")
  instance_requirements {
    vcpu_count {
      min = 2
      max = 2
    }
    memory_mib {
      min = 1024
      max = 1024
    }
    burstable_performance = "included"
  }
  instance_market_options {
    market_type = "spot"
    spot_options { max_price = "0.5" }
  }
}
resource "aws_launch_template" "small" {
  name          = "small"
  image_id      = var.image
  instance_type = "t3.micro"
}
data "aws_launch_template" "web" {
  name       = "web"
  depends_on = [aws_launch_template.web]
}
resource "aws_instance" "web" {
  launch_template {
    id      = aws_launch_template.web.id
    version = "$Latest"
  }
  tags = { Name = "own" }
}
resource "aws_ec2_fleet" "kept" {
  launch_template_config {
    launch_template_specification {
      launch_template_id = aws_launch_template.small.id
      version            = aws_launch_template.small.latest_version
    }
    override {
      subnet_id         = data.aws_subnets.default.ids[0]
      weighted_capacity = 1
    }
    override {
      instance_type     = "t3.small"
      subnet_id         = data.aws_subnets.default.ids[1]
      weighted_capacity = 2
      priority          = 1
    }
  }
  target_capacity_specification {
    default_target_capacity_type = "spot"
    total_target_capacity        = 3
    on_demand_target_capacity    = 1
  }
  spot_options { allocation_strategy = "diversified" }
  terminate_instances = false
  tags                = { Name = "kept" }
}
resource "aws_ec2_fleet" "plain" {
  type = "maintain"
  launch_template_config {
    launch_template_specification {
      launch_template_name = aws_launch_template.any.name
      version              = "1"
    }
  }
  target_capacity_specification {
    default_target_capacity_type = "on-demand"
    total_target_capacity        = 1
  }
  terminate_instances = false
}
resource "aws_spot_instance_request" "one" {
  ami                  = var.image
  instance_type        = "t3.micro"
  spot_price           = "0.02"
  wait_for_fulfillment = true
  subnet_id            = data.aws_subnets.default.ids[0]
  tags                 = { Name = "request" }
}
resource "aws_spot_fleet_request" "many" {
  iam_fleet_role                      = aws_iam_role.node.arn
  target_capacity                     = 2
  allocation_strategy                 = "lowestPrice"
  wait_for_fulfillment                = true
  terminate_instances_with_expiration = true
  launch_specification {
    ami                    = var.image
    instance_type          = "t3.micro"
    subnet_id              = data.aws_subnets.default.ids[0]
    vpc_security_group_ids = [aws_security_group.web.id]
    tags                   = { Name = "many" }
  }
}
resource "aws_ec2_capacity_reservation" "kept" {
  instance_type           = "t3.large"
  instance_platform       = "Linux/UNIX"
  availability_zone       = "us-east-1a"
  instance_count          = 1
  instance_match_criteria = "targeted"
  tags                    = { Name = "kept" }
}
