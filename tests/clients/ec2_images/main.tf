# Images as Terraform's users write them: looked up, registered, taken of an instance, copied, shared.
terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
variable "port" {}
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
    ssm = local.url
    sts = local.url
  }
}

data "aws_ami" "minimal" {
  most_recent = true
  owners      = ["amazon"]
  filter {
    name   = "name"
    values = ["haneul-minimal-*"]
  }
  filter {
    name   = "virtualization-type"
    values = ["hvm"]
  }
}

data "aws_ssm_parameter" "linux" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
}

resource "aws_instance" "source" {
  ami           = data.aws_ami.minimal.id
  instance_type = "t3.micro"
}

resource "aws_ami_from_instance" "taken" {
  name               = "taken"
  source_instance_id = aws_instance.source.id
  tags               = { Name = "taken" }
}

resource "aws_ami_copy" "copied" {
  name              = "copied"
  description       = "A copy"
  source_ami_id     = aws_ami_from_instance.taken.id
  source_ami_region = "us-east-1"
  encrypted         = true
  tags              = { Name = "copied" }
}

resource "aws_ami_launch_permission" "friend" {
  image_id   = aws_ami_from_instance.taken.id
  account_id = "123456789012"
}

resource "aws_ami_launch_permission" "everybody" {
  image_id = aws_ami.registered.id
  group    = "all"
}

resource "aws_ebs_volume" "root" {
  availability_zone = "us-east-1a"
  size              = 1
}

resource "aws_ebs_snapshot" "root" {
  volume_id = aws_ebs_volume.root.id
}

resource "aws_ami" "registered" {
  name                = "registered"
  description         = "Of a snapshot"
  architecture        = "x86_64"
  virtualization_type = "hvm"
  root_device_name    = "/dev/xvda"
  boot_mode           = "uefi"
  imds_support        = "v2.0"
  ena_support         = true
  sriov_net_support   = "simple"
  deprecation_time    = "2030-01-02T03:04:00Z"

  ebs_block_device {
    device_name           = "/dev/xvda"
    snapshot_id           = aws_ebs_snapshot.root.id
    volume_size           = 2
    volume_type           = "gp3"
    delete_on_termination = false
  }
  ebs_block_device {
    device_name = "/dev/sdf"
    volume_size = 10
    volume_type = "io1"
    iops        = 100
  }
  ephemeral_block_device {
    device_name  = "/dev/sdb"
    virtual_name = "ephemeral0"
  }
  tags = { Name = "registered" }
}

resource "aws_instance" "launched" {
  ami           = aws_ami.registered.id
  instance_type = "t3.micro"
}

data "aws_ami_ids" "mine" {
  owners     = ["self"]
  depends_on = [aws_ami.registered, aws_ami_copy.copied]
}

output "mine" { value = length(data.aws_ami_ids.mine.ids) }
output "linux" { value = nonsensitive(data.aws_ssm_parameter.linux.value) == data.aws_ami.minimal.id }
