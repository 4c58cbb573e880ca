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
    apigateway   = local.url
    apigatewayv2 = local.url
    lambda       = local.url
    iam          = local.url
    sts          = local.url
    logs         = local.url
    sqs          = local.url
  }
}
resource "aws_iam_role" "r" {
  name               = "http-function"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }] })
}
resource "aws_lambda_function" "f" {
  function_name    = "http-function"
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
  source_arn    = "${aws_apigatewayv2_api.h.execution_arn}/*/*"
}
resource "aws_cloudwatch_log_group" "g" {
  name = "/http/access"
}
resource "aws_sqs_queue" "q" {
  name = "http-queue"
}
resource "aws_apigatewayv2_api" "h" {
  name          = "pets"
  protocol_type = "HTTP"
  description   = "made by terraform"
  version       = "1"
  tags          = { a = "b" }
  cors_configuration {
    allow_origins     = ["https://example.com"]
    allow_methods     = ["GET", "POST"]
    allow_headers     = ["x-own"]
    max_age           = 300
    allow_credentials = true
  }
}
resource "aws_apigatewayv2_integration" "f" {
  api_id                 = aws_apigatewayv2_api.h.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.f.invoke_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = 5000
}
resource "aws_apigatewayv2_integration" "w" {
  api_id             = aws_apigatewayv2_api.h.id
  integration_type   = "HTTP_PROXY"
  integration_method = "ANY"
  integration_uri    = "https://example.com/{proxy}"
  request_parameters = {
    "append:header.one" = "$context.requestId"
    "overwrite:path"    = "/x"
  }
  response_parameters {
    status_code = 404
    mappings    = { "overwrite:statuscode" = "204" }
  }
}
resource "aws_apigatewayv2_integration" "q" {
  api_id              = aws_apigatewayv2_api.h.id
  integration_type    = "AWS_PROXY"
  integration_subtype = "SQS-SendMessage"
  credentials_arn     = aws_iam_role.r.arn
  request_parameters = {
    "QueueUrl"    = aws_sqs_queue.q.url
    "MessageBody" = "$request.body.message"
  }
}
resource "aws_apigatewayv2_authorizer" "j" {
  api_id           = aws_apigatewayv2_api.h.id
  name             = "tokens"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]
  jwt_configuration {
    audience = ["app"]
    issuer   = "https://issuer.example.com"
  }
}
resource "aws_apigatewayv2_authorizer" "l" {
  api_id                            = aws_apigatewayv2_api.h.id
  name                              = "function"
  authorizer_type                   = "REQUEST"
  authorizer_uri                    = aws_lambda_function.f.invoke_arn
  authorizer_payload_format_version = "2.0"
  enable_simple_responses           = true
  identity_sources                  = ["$request.header.token"]
}
resource "aws_apigatewayv2_route" "d" {
  api_id    = aws_apigatewayv2_api.h.id
  route_key = "$default"
  target    = "integrations/${aws_apigatewayv2_integration.f.id}"
}
resource "aws_apigatewayv2_route" "j" {
  api_id               = aws_apigatewayv2_api.h.id
  route_key            = "GET /pets/{id}"
  target               = "integrations/${aws_apigatewayv2_integration.w.id}"
  authorization_type   = "JWT"
  authorizer_id        = aws_apigatewayv2_authorizer.j.id
  authorization_scopes = ["read", "write"]
  operation_name       = "GetPet"
}
resource "aws_apigatewayv2_route" "l" {
  api_id             = aws_apigatewayv2_api.h.id
  route_key          = "POST /pets"
  target             = "integrations/${aws_apigatewayv2_integration.q.id}"
  authorization_type = "CUSTOM"
  authorizer_id      = aws_apigatewayv2_authorizer.l.id
}
resource "aws_apigatewayv2_stage" "d" {
  api_id          = aws_apigatewayv2_api.h.id
  name            = "$default"
  auto_deploy     = true
  stage_variables = { color = "blue", gone = "soon" }
  tags            = { c = "d" }
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.g.arn
    format          = "$context.requestId $context.status"
  }
  default_route_settings {
    throttling_burst_limit = 100
    throttling_rate_limit  = 50
  }
  route_settings {
    route_key                = aws_apigatewayv2_route.l.route_key
    throttling_burst_limit   = 10
    throttling_rate_limit    = 5
    detailed_metrics_enabled = true
  }
}
resource "aws_apigatewayv2_domain_name" "n" {
  domain_name = "http.example.com"
  domain_name_configuration {
    certificate_arn = "arn:aws:acm:us-east-1:000000000000:certificate/00000000-0000-0000-0000-000000000000"
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}
resource "aws_apigatewayv2_api_mapping" "m" {
  api_id          = aws_apigatewayv2_api.h.id
  domain_name     = aws_apigatewayv2_domain_name.n.id
  stage           = aws_apigatewayv2_stage.d.id
  api_mapping_key = "v1/pets"
}
resource "aws_apigatewayv2_vpc_link" "v" {
  name               = "link"
  security_group_ids = []
  subnet_ids         = ["subnet-0123456789abcdef0"]
}
resource "aws_apigatewayv2_api" "quick" {
  name          = "quick"
  protocol_type = "HTTP"
  target        = "https://example.com"
}
resource "aws_apigatewayv2_api" "document" {
  name          = "document"
  protocol_type = "HTTP"
  version       = "1.0"
  body = jsonencode({
    openapi = "3.0.1"
    info    = { title = "document", version = "1.0" }
    paths = { "/x" = { get = { x-amazon-apigateway-integration = {
      type = "HTTP_PROXY", httpMethod = "GET", payloadFormatVersion = "1.0", uri = "https://example.com/x"
    } } } }
  })
}
resource "aws_apigatewayv2_api" "s" {
  name                       = "chat"
  protocol_type              = "WEBSOCKET"
  route_selection_expression = "$request.body.action"
}
resource "aws_apigatewayv2_model" "m" {
  api_id       = aws_apigatewayv2_api.s.id
  content_type = "application/json"
  name         = "Pet"
  schema       = jsonencode({ type = "object", required = ["name"] })
}
resource "aws_apigatewayv2_integration" "m" {
  api_id                        = aws_apigatewayv2_api.s.id
  integration_type              = "MOCK"
  request_templates             = { "200" = jsonencode({ statusCode = 200 }) }
  template_selection_expression = "200"
}
resource "aws_apigatewayv2_integration_response" "m" {
  api_id                   = aws_apigatewayv2_api.s.id
  integration_id           = aws_apigatewayv2_integration.m.id
  integration_response_key = "/200/"
  response_templates       = { "$default" = jsonencode({ pong = true }) }
}
resource "aws_apigatewayv2_route" "s" {
  api_id                              = aws_apigatewayv2_api.s.id
  route_key                           = "ping"
  target                              = "integrations/${aws_apigatewayv2_integration.m.id}"
  model_selection_expression          = "$request.body.action"
  request_models                      = { ping = aws_apigatewayv2_model.m.name }
  route_response_selection_expression = "$default"
}
resource "aws_apigatewayv2_route_response" "s" {
  api_id             = aws_apigatewayv2_api.s.id
  route_id           = aws_apigatewayv2_route.s.id
  route_response_key = "$default"
}
resource "aws_apigatewayv2_deployment" "s" {
  api_id      = aws_apigatewayv2_api.s.id
  description = "by hand"
  triggers    = { again = "1" }
  depends_on  = [aws_apigatewayv2_route.s, aws_apigatewayv2_route_response.s, aws_apigatewayv2_integration_response.m]
  lifecycle { create_before_destroy = true }
}
resource "aws_apigatewayv2_stage" "s" {
  api_id        = aws_apigatewayv2_api.s.id
  name          = "dev"
  deployment_id = aws_apigatewayv2_deployment.s.id
  default_route_settings {
    logging_level          = "INFO"
    data_trace_enabled     = true
    throttling_burst_limit = 100 # left out, the provider says 0, and AWS lets nobody pass either
    throttling_rate_limit  = 50
  }
}
output "id" { value = aws_apigatewayv2_api.h.id }
output "chat" { value = aws_apigatewayv2_api.s.id }
