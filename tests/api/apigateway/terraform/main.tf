terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
variable "port" {}
locals { url = "http://127.0.0.1:${var.port}" }
provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_metadata_api_check     = true
  skip_credentials_validation = true
  endpoints {
    apigateway = local.url
    lambda     = local.url
    iam        = local.url
    sts        = local.url
    logs       = local.url
  }
}
data "aws_caller_identity" "me" {}
resource "aws_iam_role" "r" {
  name               = "gateway-function"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }] })
}
resource "aws_lambda_function" "f" {
  function_name    = "gateway-function"
  role             = aws_iam_role.r.arn
  runtime          = "python3.11"
  handler          = "app.handler"
  filename         = "app.zip"
  source_code_hash = filebase64sha256("app.zip")
}
resource "aws_lambda_permission" "p" {
  function_name = aws_lambda_function.f.function_name
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.a.execution_arn}/*"
}
resource "aws_api_gateway_rest_api" "a" {
  name               = "pets"
  description        = "made by terraform"
  binary_media_types = ["image/png", "application/octet-stream"]
  endpoint_configuration { types = ["REGIONAL"] }
  tags = { team = "a" }
}
resource "aws_api_gateway_rest_api_policy" "a" {
  rest_api_id = aws_api_gateway_rest_api.a.id
  policy      = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = "*", Action = "execute-api:Invoke", Resource = "${aws_api_gateway_rest_api.a.execution_arn}/*" }] })
}
resource "aws_api_gateway_resource" "pets" {
  rest_api_id = aws_api_gateway_rest_api.a.id
  parent_id   = aws_api_gateway_rest_api.a.root_resource_id
  path_part   = "pets"
}
resource "aws_api_gateway_resource" "rest" {
  rest_api_id = aws_api_gateway_rest_api.a.id
  parent_id   = aws_api_gateway_resource.pets.id
  path_part   = "{proxy+}"
}
resource "aws_api_gateway_model" "pet" {
  rest_api_id  = aws_api_gateway_rest_api.a.id
  name         = "Pet"
  content_type = "application/json"
  schema       = jsonencode({ type = "object", required = ["name"] })
}
resource "aws_api_gateway_request_validator" "v" {
  rest_api_id                 = aws_api_gateway_rest_api.a.id
  name                        = "all"
  validate_request_body       = true
  validate_request_parameters = true
}
resource "aws_api_gateway_authorizer" "z" {
  rest_api_id    = aws_api_gateway_rest_api.a.id
  name           = "guard"
  type           = "TOKEN"
  authorizer_uri = aws_lambda_function.f.invoke_arn
}
resource "aws_api_gateway_method" "proxy" {
  rest_api_id        = aws_api_gateway_rest_api.a.id
  resource_id        = aws_api_gateway_resource.rest.id
  http_method        = "ANY"
  authorization      = "NONE"
  request_parameters = { "method.request.path.proxy" = true }
}
resource "aws_api_gateway_integration" "proxy" {
  rest_api_id             = aws_api_gateway_rest_api.a.id
  resource_id             = aws_api_gateway_resource.rest.id
  http_method             = aws_api_gateway_method.proxy.http_method
  integration_http_method = "POST"
  type                    = "AWS_PROXY"
  uri                     = aws_lambda_function.f.invoke_arn
  cache_key_parameters    = ["method.request.path.proxy"]
}
resource "aws_api_gateway_method" "post" {
  rest_api_id          = aws_api_gateway_rest_api.a.id
  resource_id          = aws_api_gateway_resource.pets.id
  http_method          = "POST"
  authorization        = "CUSTOM"
  authorizer_id        = aws_api_gateway_authorizer.z.id
  api_key_required     = true
  request_validator_id = aws_api_gateway_request_validator.v.id
  request_models       = { "application/json" = aws_api_gateway_model.pet.name }
  request_parameters   = { "method.request.header.X-Who" = true, "method.request.querystring.page" = false }
}
resource "aws_api_gateway_integration" "post" {
  rest_api_id          = aws_api_gateway_rest_api.a.id
  resource_id          = aws_api_gateway_resource.pets.id
  http_method          = aws_api_gateway_method.post.http_method
  type                 = "MOCK"
  passthrough_behavior = "NEVER"
  timeout_milliseconds = 3000
  request_templates    = { "application/json" = jsonencode({ statusCode = 200 }) }
}
resource "aws_api_gateway_method_response" "ok" {
  rest_api_id         = aws_api_gateway_rest_api.a.id
  resource_id         = aws_api_gateway_resource.pets.id
  http_method         = aws_api_gateway_method.post.http_method
  status_code         = "200"
  response_models     = { "application/json" = "Empty" }
  response_parameters = { "method.response.header.X-Own" = true }
}
resource "aws_api_gateway_integration_response" "ok" {
  rest_api_id         = aws_api_gateway_rest_api.a.id
  resource_id         = aws_api_gateway_resource.pets.id
  http_method         = aws_api_gateway_method.post.http_method
  status_code         = aws_api_gateway_method_response.ok.status_code
  response_parameters = { "method.response.header.X-Own" = "'yes'" }
  response_templates  = { "application/json" = "{}" }
  depends_on          = [aws_api_gateway_integration.post]
}
resource "aws_api_gateway_gateway_response" "g" {
  rest_api_id         = aws_api_gateway_rest_api.a.id
  response_type       = "UNAUTHORIZED"
  status_code         = "401"
  response_templates  = { "application/json" = "{\"no\":$context.error.messageString}" }
  response_parameters = { "gatewayresponse.header.X-No" = "'1'" }
}
resource "aws_api_gateway_deployment" "d" {
  rest_api_id = aws_api_gateway_rest_api.a.id
  triggers    = { again = "1" }
  depends_on  = [aws_api_gateway_integration.proxy, aws_api_gateway_integration_response.ok]
  lifecycle { create_before_destroy = true }
}
resource "aws_cloudwatch_log_group" "l" { name = "gateway-access" }
resource "aws_api_gateway_stage" "s" {
  rest_api_id           = aws_api_gateway_rest_api.a.id
  deployment_id         = aws_api_gateway_deployment.d.id
  stage_name            = "dev"
  variables             = { color = "blue" }
  xray_tracing_enabled  = true
  cache_cluster_enabled = true
  cache_cluster_size    = "0.5"
  tags                  = { stage = "dev" }
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.l.arn
    format          = "$context.requestId $context.status"
  }
  canary_settings {
    deployment_id   = aws_api_gateway_deployment.d.id
    percent_traffic = 10
  }
}
resource "aws_api_gateway_method_settings" "m" {
  rest_api_id = aws_api_gateway_rest_api.a.id
  stage_name  = aws_api_gateway_stage.s.stage_name
  method_path = "*/*"
  settings {
    metrics_enabled        = true
    logging_level          = "INFO"
    throttling_rate_limit  = 100
    throttling_burst_limit = 50
  }
}
resource "aws_api_gateway_method_settings" "one" {
  rest_api_id = aws_api_gateway_rest_api.a.id
  stage_name  = aws_api_gateway_stage.s.stage_name
  method_path = "pets/POST"
  settings { caching_enabled = false }
}
resource "aws_api_gateway_usage_plan" "u" {
  name = "basic"
  api_stages {
    api_id = aws_api_gateway_rest_api.a.id
    stage  = aws_api_gateway_stage.s.stage_name
    throttle {
      path        = "/pets/POST"
      rate_limit  = 5
      burst_limit = 2
    }
  }
  quota_settings {
    limit  = 1000
    period = "MONTH"
  }
  throttle_settings {
    burst_limit = 5
    rate_limit  = 10
  }
}
resource "aws_api_gateway_api_key" "k" {
  name = "one"
  tags = { key = "1" }
}
resource "aws_api_gateway_usage_plan_key" "uk" {
  key_id        = aws_api_gateway_api_key.k.id
  key_type      = "API_KEY"
  usage_plan_id = aws_api_gateway_usage_plan.u.id
}
resource "aws_api_gateway_documentation_part" "p" {
  rest_api_id = aws_api_gateway_rest_api.a.id
  location {
    type   = "METHOD"
    method = "POST"
    path   = "/pets"
  }
  properties = jsonencode({ description = "adds a pet" })
}
resource "aws_api_gateway_documentation_version" "v" {
  rest_api_id = aws_api_gateway_rest_api.a.id
  version     = "1"
  depends_on  = [aws_api_gateway_documentation_part.p]
}
resource "aws_api_gateway_client_certificate" "c" { description = "ours" }
resource "aws_api_gateway_account" "me" { cloudwatch_role_arn = aws_iam_role.r.arn }
resource "aws_api_gateway_domain_name" "d" {
  domain_name              = "api.pets.example"
  regional_certificate_arn = "arn:aws:acm:us-east-1:000000000000:certificate/11111111-1111-1111-1111-111111111111"
  endpoint_configuration { types = ["REGIONAL"] }
}
resource "aws_api_gateway_base_path_mapping" "m" {
  api_id      = aws_api_gateway_rest_api.a.id
  stage_name  = aws_api_gateway_stage.s.stage_name
  domain_name = aws_api_gateway_domain_name.d.domain_name
  base_path   = "v1"
}
resource "aws_api_gateway_rest_api" "open" {
  name = "from-a-document"
  body = jsonencode({
    openapi = "3.0.1"
    info    = { title = "from-a-document", version = "1" }
    paths = { "/x" = { get = { responses = { "200" = { description = "ok" } }, x-amazon-apigateway-integration = {
      type = "MOCK", requestTemplates = { "application/json" = "{\"statusCode\": 200}" }, responses = { default = { statusCode = "200" } }
    } } } }
  })
}
output "id" { value = aws_api_gateway_rest_api.a.id }
