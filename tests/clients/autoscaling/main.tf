# Auto Scaling as Terraform's users write it: groups of every kind, policies, hooks, schedules, notices, a warm pool.
terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
variable "port" { type = string }
variable "image" { type = string }
variable "largest" { default = 4 }

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints {
    autoscaling = "http://127.0.0.1:${var.port}"
    cloudwatch  = "http://127.0.0.1:${var.port}"
    ec2         = "http://127.0.0.1:${var.port}"
    iam         = "http://127.0.0.1:${var.port}"
    sns         = "http://127.0.0.1:${var.port}"
    sqs         = "http://127.0.0.1:${var.port}"
    sts         = "http://127.0.0.1:${var.port}"
  }
}

resource "aws_vpc" "main" { cidr_block = "10.0.0.0/16" }
resource "aws_subnet" "main" {
  for_each          = { a = "10.0.1.0/24", b = "10.0.2.0/24" }
  vpc_id            = aws_vpc.main.id
  cidr_block        = each.value
  availability_zone = "us-east-1${each.key}"
}
resource "aws_security_group" "web" {
  name   = "web"
  vpc_id = aws_vpc.main.id
}

resource "aws_launch_configuration" "old" {
  name_prefix                 = "old-"
  image_id                    = var.image
  instance_type               = "t3.micro"
  security_groups             = [aws_security_group.web.id]
  associate_public_ip_address = false
  user_data                   = "#!/bin/sh\ntrue\n"
  enable_monitoring           = false
  root_block_device {
    volume_size = 9
    volume_type = "gp3"
  }
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 2
    http_endpoint               = "enabled"
  }
  lifecycle { create_before_destroy = true }
}

resource "aws_launch_template" "web" {
  name_prefix            = "web-"
  image_id               = var.image
  instance_type          = "t3.micro"
  vpc_security_group_ids = [aws_security_group.web.id]
}

resource "aws_autoscaling_group" "old" {
  name                 = "old"
  launch_configuration = aws_launch_configuration.old.name
  min_size             = 1
  max_size             = 1
  vpc_zone_identifier  = [aws_subnet.main["a"].id]
}

resource "aws_autoscaling_group" "web" {
  name                      = "web"
  min_size                  = 2
  max_size                  = var.largest
  desired_capacity          = 2
  vpc_zone_identifier       = [for one in aws_subnet.main : one.id]
  health_check_type         = "EC2"
  health_check_grace_period = 120
  default_cooldown          = 60
  default_instance_warmup   = 30
  capacity_rebalance        = true
  max_instance_lifetime     = 604800
  protect_from_scale_in     = false
  termination_policies      = ["OldestLaunchTemplate", "Default"]
  enabled_metrics           = ["GroupDesiredCapacity", "GroupInServiceInstances"]
  suspended_processes       = ["AZRebalance"]
  wait_for_capacity_timeout = "5m"
  launch_template {
    id      = aws_launch_template.web.id
    version = aws_launch_template.web.latest_version
  }
  instance_maintenance_policy {
    min_healthy_percentage = 90
    max_healthy_percentage = 120
  }
  instance_refresh {
    strategy = "Rolling"
    preferences { min_healthy_percentage = 50 }
  }
  initial_lifecycle_hook {
    name                 = "first"
    lifecycle_transition = "autoscaling:EC2_INSTANCE_TERMINATING"
    default_result       = "CONTINUE"
    heartbeat_timeout    = 30
  }
  tag {
    key                 = "Name"
    value               = "web"
    propagate_at_launch = true
  }
  tag {
    key                 = "own"
    value               = "group"
    propagate_at_launch = false
  }
}

resource "aws_autoscaling_group_tag" "more" {
  autoscaling_group_name = aws_autoscaling_group.mixed.name
  tag {
    key                 = "more"
    value               = "1"
    propagate_at_launch = true
  }
}

resource "aws_autoscaling_group" "mixed" {
  name_prefix        = "mixed-"
  min_size           = 0
  max_size           = 2
  desired_capacity   = 1
  availability_zones = ["us-east-1a"]
  force_delete       = true
  mixed_instances_policy {
    instances_distribution {
      on_demand_base_capacity                  = 1
      on_demand_percentage_above_base_capacity = 50
      spot_allocation_strategy                 = "capacity-optimized"
    }
    launch_template {
      launch_template_specification { launch_template_id = aws_launch_template.plain.id }
      override {
        instance_type     = "t3.small"
        weighted_capacity = "1"
      }
      override {
        instance_type     = "t3.medium"
        weighted_capacity = "2"
      }
    }
  }
  lifecycle { ignore_changes = [tag] }
}

resource "aws_launch_template" "plain" {
  name          = "plain"
  image_id      = var.image
  instance_type = "t3.micro"
}

resource "aws_autoscaling_group" "pool" {
  name               = "pool"
  min_size           = 0
  max_size           = 1
  availability_zones = ["us-east-1b"]
  force_delete       = true
  launch_template { name = aws_launch_template.plain.name }
  warm_pool {
    pool_state                  = "Stopped"
    min_size                    = 0
    max_group_prepared_capacity = 1
    instance_reuse_policy { reuse_on_scale_in = true }
  }
}

resource "aws_autoscaling_policy" "simple" {
  name                   = "simple"
  autoscaling_group_name = aws_autoscaling_group.web.name
  adjustment_type        = "ChangeInCapacity"
  scaling_adjustment     = 1
  cooldown               = 120
}

resource "aws_autoscaling_policy" "step" {
  name                      = "step"
  autoscaling_group_name    = aws_autoscaling_group.web.name
  policy_type               = "StepScaling"
  adjustment_type           = "PercentChangeInCapacity"
  min_adjustment_magnitude  = 1
  metric_aggregation_type   = "Average"
  estimated_instance_warmup = 60
  step_adjustment {
    metric_interval_lower_bound = 0
    metric_interval_upper_bound = 10
    scaling_adjustment          = 10
  }
  step_adjustment {
    metric_interval_lower_bound = 10
    scaling_adjustment          = 30
  }
}

resource "aws_autoscaling_policy" "tracking" {
  name                   = "tracking"
  autoscaling_group_name = aws_autoscaling_group.web.name
  policy_type            = "TargetTrackingScaling"
  target_tracking_configuration {
    predefined_metric_specification { predefined_metric_type = "ASGAverageCPUUtilization" }
    target_value     = 50
    disable_scale_in = true
  }
}

resource "aws_cloudwatch_metric_alarm" "busy" {
  alarm_name          = "busy"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 2
  metric_name         = "CPUUtilization"
  namespace           = "AWS/EC2"
  period              = 120
  statistic           = "Average"
  threshold           = 80
  dimensions          = { AutoScalingGroupName = aws_autoscaling_group.web.name }
  alarm_actions       = [aws_autoscaling_policy.step.arn]
}

resource "aws_sns_topic" "scaling" { name = "scaling" }
resource "aws_sqs_queue" "hooks" { name = "hooks" }
resource "aws_iam_role" "hooks" {
  name = "hooks"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "autoscaling.amazonaws.com" } }]
  })
}

resource "aws_autoscaling_notification" "web" {
  group_names   = [aws_autoscaling_group.web.name]
  notifications = ["autoscaling:EC2_INSTANCE_LAUNCH", "autoscaling:EC2_INSTANCE_TERMINATE"]
  topic_arn     = aws_sns_topic.scaling.arn
}

resource "aws_autoscaling_lifecycle_hook" "launch" {
  name                    = "launch"
  autoscaling_group_name  = aws_autoscaling_group.old.name
  default_result          = "CONTINUE"
  heartbeat_timeout       = 30
  lifecycle_transition    = "autoscaling:EC2_INSTANCE_LAUNCHING"
  notification_metadata   = jsonencode({ by = "terraform" })
  notification_target_arn = aws_sqs_queue.hooks.arn
  role_arn                = aws_iam_role.hooks.arn
}

resource "aws_autoscaling_schedule" "night" {
  scheduled_action_name  = "night"
  min_size               = 0
  max_size               = 4
  desired_capacity       = 0
  recurrence             = "0 3 * * 1-5"
  time_zone              = "Asia/Seoul"
  autoscaling_group_name = aws_autoscaling_group.mixed.name
}

data "aws_autoscaling_group" "web" { name = aws_autoscaling_group.web.name }
data "aws_autoscaling_groups" "all" {
  depends_on = [aws_autoscaling_group.web]
  filter {
    name   = "tag:Name"
    values = ["web"]
  }
}
data "aws_launch_configuration" "old" { name = aws_launch_configuration.old.name }

output "names" { value = data.aws_autoscaling_groups.all.names }
