select
    customer_id,
    first_name || ' ' || last_name as full_name,
    lower(email) as email,
    country_code,
    created_at
from {{ source('erp', 'customers') }}
